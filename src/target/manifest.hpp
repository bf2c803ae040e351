// What the visible copies consist of, and whether the target still is what the last run made it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/run_options.hpp"
#include "pg/spi.hpp"
#include "target/content.hpp"
#include "target/stage.hpp"

namespace pagila_repl {

// OIDs of the schemas that exist, as text.
std::vector<std::string> oids_of(const std::vector<std::string> &schemas);
// A query for the OIDs of objects in the schemas $1 (oid[]) that are not as the manifest says.
std::string altered_objects_sql();

// How the live schemas differ from what the runs that made them left there. Each list: what, as a reader knows it.
struct Drift {
  std::vector<std::string> unmanaged;    // objects that no run created
  std::vector<std::string> modified;     // altered, dropped, or with other rows
  std::vector<std::string> dependents;   // objects elsewhere that depend on something in the schemas
  std::vector<std::string> drops;        // statements that drop the dependents; empty text where that would lose data
  std::vector<std::string> subscribed;   // tables that subscriptions of this database write to
  std::vector<std::string> distributed;  // tables that Citus distributes, whose rows are elsewhere
  struct Address {
    std::string classid, objid, objsubid;
    bool is_member;  // of an extension
  };
  std::vector<Address> addresses;         // of the dependents
  std::vector<Address> unmanaged_casts;   // and transforms, among the unmanaged
  std::set<std::string> altered;          // OIDs of what is unmanaged or modified by its definition
  std::set<std::string> other_rows;       // OIDs of tables that are modified by their rows
  std::map<std::string, RowsMark> marks;  // of tables whose rows had to be read, before that
  std::map<std::string, uint64_t> rows;   // how many rows these had
  bool none() const { return unmanaged.empty() && modified.empty() && distributed.empty(); }
};

// Compares schemas with the manifest. What depends on a carried type loses nothing. Reads rows only of tables that
// cannot be proved untouched. Needs a transaction.
Drift find_drift(const std::vector<std::string> &schemas, const std::vector<CarriedType> &carried = {});
// The part of find_drift that is about rows and sequences, less those that have been altered.
void find_changed_content(const std::vector<std::string> &schemas, Drift &drift);
// Throws 55P03 if rows or sequences have changed since find_drift found this, but for those that it found changed. Reads no more of
// a table than what others have touched.
void check_content_since(const std::vector<std::string> &schemas, const Drift &drift);
// What to do about dependents that runs may have made, after another sentence; empty if there are none.
std::string hint_on_objects_of_runs(const Drift &drift);
// Throws 55000 (modified) or 2BP01 (unmanaged, dependents) with what is in the way, unless the options allow it; 2BP01
// (subscribed) or 0A000 (distributed) in any case.
void check_drift(const Drift &drift, const RunOptions &options);

// The run whose copy is visible in all of these schemas and nothing else, 0 if there is none.
int64_t run_behind(const std::vector<std::string> &schemas);

// The statements and descriptions of find_drift's dependents, for schemas by OID.
void find_dependents(const std::vector<std::string> &schema_oids, const std::vector<CarriedType> &carried,
                     Drift &drift);

// What the schemas hold, each object with the hash of its definition as one text, by the name of the schema. Of no name: casts and
// transforms of that.
std::map<std::string, std::vector<std::string>> definitions_by_schema(const std::vector<std::string> &schema_oids);
// What the sequences and tables in a schema hold, as texts that may stand among those. Their rows were looked at for the drift.
std::vector<std::string> content_states(Oid schema, const Drift &drift);
// What the schema has besides its objects (schema_properties), as such a text.
std::string properties_state(Oid schema, const std::string &properties);

// What others did to schemas since all these texts were true and the moment (a pg_snapshot) was now.
struct LaterChanges {
  std::string kept_because;       // what was created or changed, or whose rows were; empty if nothing
  std::vector<std::string> lost;  // what cannot be kept: objects dropped, sequences advanced
};
LaterChanges later_changes(const std::vector<std::string> &schema_oids, const std::vector<std::string> &states,
                           const std::string &moment);

using ContentHashes = std::map<Oid, std::string>;

// Records what the stage consists of; made before publishing, valid after it, since it knows objects by OID. Counts once
// pagila_repl.copy names the run.
void write_manifest(const LoadPlan &plan, const RunOptions &options, const Stage &stage, int64_t run_id,
                    const ContentHashes &hashes);
// Removes what is recorded of copies that are not visible any more.
void forget_replaced_copies();

}  // namespace pagila_repl
