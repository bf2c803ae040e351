// Which schemas and relations of the source are wanted, and whether they can do without the others.
#pragma once

#include <string>
#include <vector>

#include "core/dump_reader.hpp"
#include "core/replicate_request.hpp"
#include "source/connection.hpp"

namespace pagila_repl {

struct Wanted {
  std::vector<std::string> schemas;     // sorted
  std::vector<QualifiedName> left_out;  // relations in them
};

// Throws 3F000, 42P01 (a pattern that matches nothing), 42601 (one that is none), 2BP01 (something wanted depends on what
// is left out; all such pairs listed).
Wanted find_wanted(Connection &source, const Selection &selection);

// The parameters $1 to $3 of what follows.
std::vector<Value> parameters_for(const Wanted &wanted);

// Begins a WITH RECURSIVE clause: wanted (OIDs of schemas), gone (OIDs of relations left out), member (classid, objid,
// extension), relation (of pg_class, wanted, with nspname).
extern const char *const kWantedRelations;
// Goes on: object (classid, objid, the relation it is part of or 0, namespace, owner; of all schemas), comes (those wanted).
extern const char *const kWantedObjects;

}  // namespace pagila_repl
