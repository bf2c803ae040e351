// What is wanted of a source, for queries over its catalog.
#pragma once

#include <string>
#include <vector>

#include "core/dump_reader.hpp"
#include "pg/spi.hpp"

namespace pagila_repl {

struct Wanted {
  std::vector<std::string> schemas;     // sorted
  std::vector<QualifiedName> left_out;  // relations in them
};

// The parameters $1 to $3 of what follows.
std::vector<Value> parameters_for(const Wanted &wanted);

// Begins a WITH RECURSIVE clause: wanted (OIDs of schemas), gone (OIDs of relations left out), member (classid, objid,
// extension), relation (of pg_class, wanted, with nspname).
extern const char *const kWantedRelations;
// Goes on: own (classid, objid, the relation it is part of or 0, namespace, owner; whatever users have made), comes (those
// of them that are wanted).
extern const char *const kWantedObjects;
// Another table expression to put after kWantedRelations, "reached" (view, classid, objid): what each populated materialized view
// reads, through views and functions too.
extern const char *const kReachedByViews;

}  // namespace pagila_repl
