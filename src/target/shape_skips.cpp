// An allow-list by kind, everything else ends the run. Skipped are objects without which whoever uses them gets an error, and what
// only describes or speeds up. Never tables, types, constraints, policies, row-level security, privileges, triggers or rules of what
// is made, operators, or casts.

#include "target/shape_skips.hpp"

#include <algorithm>

#include "pg/boundary.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "target/stage.hpp"

extern "C" {
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "parser/parser.h"
#include "utils/rel.h"
}

namespace pagila_repl {

namespace {

// Plain data: what a statement makes that may be skipped; no kind if nothing.
struct Skippable {
  const char *kind;
  const char *part;  // index that must have been skipped before
};

// Server code from here on.
bool is_plain_index(const IndexStmt *index) {
  return !index->unique && !index->primary && !index->isconstraint && index->excludeOpNames == NIL;
}

const char *kind_of_definition(const DefineStmt *definition) {
  switch (definition->kind) {
    case OBJECT_AGGREGATE: return "aggregate";
    case OBJECT_TSDICTIONARY: return "text search dictionary";
    case OBJECT_TSCONFIGURATION: return "text search configuration";
    default: return nullptr;
  }
}

// Of an index that was skipped: CLUSTER ON, or its place in the index of a partitioned table.
Skippable alteration(const AlterTableStmt *statement) {
  if (list_length(statement->cmds) != 1) return {};
  auto *command = linitial_node(AlterTableCmd, statement->cmds);
  if (command->subtype == AT_ClusterOn) return {"setting", command->name};
  if (command->subtype == AT_AttachPartition && statement->objtype == OBJECT_INDEX)
    return {"setting", castNode(PartitionCmd, command->def)->name->relname};
  return {};
}

Skippable skippable(Node *node) {
  switch (nodeTag(node)) {
    case T_ViewStmt: return {"view", nullptr};
    case T_CreateTableAsStmt: return {"materialized view", nullptr};
    case T_CreateFunctionStmt:
      return {castNode(CreateFunctionStmt, node)->is_procedure ? "procedure" : "function", nullptr};
    case T_DefineStmt: return {kind_of_definition(castNode(DefineStmt, node)), nullptr};
    case T_CreateForeignTableStmt: {
      // Its rows belong to those of a table that it is a part of.
      CreateStmt &table = castNode(CreateForeignTableStmt, node)->base;
      if (table.inhRelations != NIL || table.partbound != nullptr) return {};
      return {"foreign table", nullptr};
    }
    case T_IndexStmt:
      if (!is_plain_index(castNode(IndexStmt, node))) return {};
      return {"index", nullptr};
    case T_CreateStatsStmt: return {"statistics object", nullptr};
    case T_CommentStmt: return {"comment", nullptr};
    case T_AlterTableStmt: return alteration(castNode(AlterTableStmt, node));
    default: return {};
  }
}

bool is_missing(RangeVar *relation) { return !OidIsValid(RangeVarGetRelid(relation, NoLock, true)); }

bool is_missing(ObjectType type, Node *object) {
  switch (type) {
    case OBJECT_COLUMN:
    case OBJECT_TRIGGER:
    case OBJECT_RULE: {
      auto *name = castNode(List, object);
      return is_missing(makeRangeVarFromNameList(list_truncate(list_copy(name), list_length(name) - 1)));
    }
    case OBJECT_VIEW:
    case OBJECT_MATVIEW:
    case OBJECT_FOREIGN_TABLE:
    case OBJECT_INDEX:
    case OBJECT_FUNCTION:
    case OBJECT_PROCEDURE:
    case OBJECT_ROUTINE:
    case OBJECT_AGGREGATE:
    case OBJECT_STATISTIC_EXT:
    case OBJECT_TSDICTIONARY:
    case OBJECT_TSCONFIGURATION: {
      Relation relation = nullptr;
      ObjectAddress address = get_object_address(type, object, &relation, AccessShareLock, true);
      if (relation != nullptr) relation_close(relation, NoLock);
      return !OidIsValid(address.objectId);
    }
    default: return false;
  }
}

bool is_missing(const GrantStmt *grant) {
  ListCell *cell;
  foreach (cell, grant->objects) {
    auto *object = static_cast<Node *>(lfirst(cell));
    switch (grant->objtype) {
      case OBJECT_TABLE:
        if (!is_missing(castNode(RangeVar, object))) return false;
        break;
      case OBJECT_FUNCTION:
      case OBJECT_PROCEDURE:
      case OBJECT_ROUTINE:
        if (OidIsValid(LookupFuncWithArgs(grant->objtype, castNode(ObjectWithArgs, object), true))) return false;
        break;
      default: return false;
    }
  }
  return true;
}

// Whether what the statement is about is not there. Policies are of tables, of which none is skipped.
bool is_about_nothing(Node *node) {
  switch (nodeTag(node)) {
    case T_AlterTableStmt: return is_missing(castNode(AlterTableStmt, node)->relation);
    case T_IndexStmt: return is_missing(castNode(IndexStmt, node)->relation);
    case T_CreateTrigStmt: return is_missing(castNode(CreateTrigStmt, node)->relation);
    case T_RuleStmt: return is_missing(castNode(RuleStmt, node)->relation);
    case T_AlterFunctionStmt: {
      auto *statement = castNode(AlterFunctionStmt, node);
      return !OidIsValid(LookupFuncWithArgs(statement->objtype, statement->func, true));
    }
    case T_AlterOwnerStmt:
      return is_missing(castNode(AlterOwnerStmt, node)->objectType, castNode(AlterOwnerStmt, node)->object);
    case T_CommentStmt: return is_missing(castNode(CommentStmt, node)->objtype, castNode(CommentStmt, node)->object);
    case T_SecLabelStmt: return is_missing(castNode(SecLabelStmt, node)->objtype, castNode(SecLabelStmt, node)->object);
    case T_GrantStmt: return is_missing(castNode(GrantStmt, node));
    case T_AlterTSConfigurationStmt:
      return !OidIsValid(get_ts_config_oid(castNode(AlterTSConfigurationStmt, node)->cfgname, true));
    case T_AlterTSDictionaryStmt:
      return !OidIsValid(get_ts_dict_oid(castNode(AlterTSDictionaryStmt, node)->dictname, true));
    default: return false;
  }
}

Node *parse(const char *statement) { return linitial_node(RawStmt, raw_parser(statement, RAW_PARSE_DEFAULT))->stmt; }

// And in C++ again.
Skippable what_it_makes(const ShapeStatement &statement) {
  if (statement.what.kind == Statement::Kind::global) return {statement.what.global_kind.c_str(), nullptr};
  if (statement.what.kind != Statement::Kind::run) return {};
  const char *text = statement.text.c_str();
  return guarded([text] { return skippable(parse(text)); });
}

std::string name_of(const Statement &what) { return what.makes_index.empty() ? what.name : what.makes_index; }

bool has_search_path(const LoadPlan &plan) {
  return std::any_of(plan.shape.begin(), plan.shape.end(), [](const ShapeStatement &statement) {
    const Statement &what = statement.what;
    return what.kind == Statement::Kind::setting && what.setting == "search_path" && !what.setting_value.empty() &&
           what.setting_value != "pg_catalog";
  });
}

// Server code: a function whose body is looked at when it is called, under the search_path that it has then.
bool has_body_in_words(Node *node) {
  return IsA(node, CreateFunctionStmt) && castNode(CreateFunctionStmt, node)->sql_body == nullptr;
}

bool has_functions_in_words(const LoadPlan &plan) {
  return std::any_of(plan.shape.begin(), plan.shape.end(), [](const ShapeStatement &statement) {
    if (statement.what.kind != Statement::Kind::run) return false;
    const char *text = statement.text.c_str();
    return guarded([text] { return has_body_in_words(parse(text)); });
  });
}

// Something that would be found by the name instead, as OID of its catalog; $1: the name, $2: schemas where nothing counts, $3: the
// schema, null for any.
constexpr const char *kOtherFunctions = R"(
SELECT pg_catalog.concat('function ', oid::pg_catalog.regprocedure) FROM pg_catalog.pg_proc
 WHERE proname = $1::name AND pronamespace <> ALL ($2::oid[])
UNION ALL
-- f(x) may mean a cast to the type f, or the column f of x.
SELECT pg_catalog.concat('type ', oid::pg_catalog.regtype) FROM pg_catalog.pg_type
 WHERE typname = $1::name AND typnamespace <> ALL ($2::oid[])
UNION ALL
SELECT pg_catalog.concat('a column of ', attrelid::pg_catalog.regclass) FROM pg_catalog.pg_attribute
 WHERE attname = $1::name AND attnum > 0 AND NOT attisdropped
   AND attrelid IN (SELECT oid FROM pg_catalog.pg_class
                     WHERE relnamespace <> ALL ($2::oid[] || 'pg_catalog'::pg_catalog.regnamespace::oid)
                       AND relkind IN ('r', 'p', 'v', 'm', 'f', 'c'))
LIMIT 1)";
constexpr const char *kOtherRelations = R"(
SELECT pg_catalog.concat('relation ', c.oid::pg_catalog.regclass)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relname = $1::name AND n.oid <> ALL ($2::oid[]) AND n.nspname = COALESCE($3::name, n.nspname)
LIMIT 1)";
constexpr const char *kOtherTextSearch = R"(
SELECT 'text search dictionary ' || oid::pg_catalog.regdictionary::text FROM pg_catalog.pg_ts_dict
 WHERE dictname = $1::name AND dictnamespace <> ALL ($2::oid[])
UNION ALL
SELECT 'text search configuration ' || oid::pg_catalog.regconfig::text FROM pg_catalog.pg_ts_config
 WHERE cfgname = $1::name AND cfgnamespace <> ALL ($2::oid[])
LIMIT 1)";

}  // namespace

void ShapeSkips::run(const ShapeStatement &statement, const std::function<void()> &work) {
  if (errors_ == ObjectErrors::end_the_run) return work();
  if (errors_ == ObjectErrors::make_again) {
    try {
      return work();
    } catch (const Error &error) {
      if (is_of_object(error) && what_it_makes(statement).kind != nullptr) throw ObjectFailure(error);
      throw;
    }
  }
  if (what_it_makes(statement).kind == nullptr && !is_about_skipped(statement)) return work();
  try {
    in_subtransaction(work);
  } catch (const Error &error) {
    if (!is_of_object(error) || !skip(statement, error)) throw;
  }
}

bool ShapeSkips::skip(const ShapeStatement &statement, const Error &error) {
  const Statement &what = statement.what;
  if (is_about_skipped(statement)) {
    const char *text = statement.text.c_str();
    bool is_missing = false;
    in_subtransaction([&] { is_missing = guarded([text] { return is_about_nothing(parse(text)); }); });
    if (is_missing) {
      if (!what.makes_index.empty()) names_.insert({what.schema, what.makes_index});
      return true;
    }
  }
  Skippable made = what_it_makes(statement);
  if (made.kind == nullptr || (made.part != nullptr && !is_skipped(what.schema, made.part))) return false;
  std::string kind = made.kind;
  if (kind == "setting") return true;  // it goes with the index
  bool is_global = what.kind == Statement::Kind::global;
  skipped_.push_back({kind, is_global ? "" : what.schema, name_of(what), error});
  statements_.push_back(&statement);
  if (!is_global && kind != "comment") names_.insert({what.schema, name_of(what)});
  return true;
}

// By the name alone: whether it is that object is looked at once the statement has failed.
bool ShapeSkips::is_about_skipped(const ShapeStatement &statement) const {
  const Statement &what = statement.what;
  return !names_.empty() && what.has_target && is_skipped(what.schema, what.name) &&
         std::all_of(what.more_targets.begin(), what.more_targets.end(),
                     [this](const QualifiedName &name) { return is_skipped(name.schema, name.name); });
}

void ShapeSkips::check_names(const LoadPlan &plan, const std::vector<std::string> &elsewhere) const {
  if (skipped_.empty()) return;
  bool is_qualified = !has_search_path(plan) && !has_functions_in_words(plan);
  for (size_t i = 0; i < skipped_.size(); i++) {
    const SkippedObject &object = skipped_[i];
    Value other, schemas = array_literal(elsewhere);
    if (object.kind == "function" || object.kind == "procedure" || object.kind == "aggregate")
      other = query_value(kOtherFunctions, {object.name, schemas});
    else if (object.kind.compare(0, 11, "text search") == 0)
      other = query_value(kOtherTextSearch, {object.name, schemas});
    else if (object.kind == "view" || object.kind == "materialized view" || object.kind == "foreign table")
      other = query_value(kOtherRelations, {object.name, schemas, is_qualified ? Value(object.schema) : Value()});
    if (!other) continue;
    Error error = object.error.within(statements_[i]->place.text());
    error.hint = "It is not skipped, since " + *other + " has the same name and could be used instead of it." +
                 (error.hint.empty() ? "" : " " + error.hint);
    throw error;
  }
}

}  // namespace pagila_repl
