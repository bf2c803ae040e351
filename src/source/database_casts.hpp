// Casts and transforms, which are in no schema.
//
// They belong to the copy that has their function or one of their types. Those that have neither (WITHOUT FUNCTION, WITH INOUT or
// by a function of the server or an extension, between types of these) belong to a copy of all schemas.
#pragma once

#include <vector>

#include "core/replicate_request.hpp"
#include "core/source_catalog.hpp"
#include "source/connection.hpp"
#include "source/wanted.hpp"

namespace pagila_repl {

struct SourceCasts {
  std::vector<SourceCast> casts;      // for SourceCatalog::casts
  std::vector<std::string> left_out;  // remarks on those that need what is not copied
};

SourceCasts read_casts(Connection &source, const Wanted &wanted, const Selection &selection);

// Whether the role may make them here (42501), and that none is here which is of no copy (42710). Needs a transaction here.
std::vector<Finding> look_at_casts(const SourceCatalog &catalog);

}  // namespace pagila_repl
