// What other sessions are changing, uncommitted or just now, in the definitions of schemas that a run replaces.
//
// Few changes of definitions take a lock that others could wait for or see (GRANT, ALTER FUNCTION and COMMENT do not), so they
// are looked for where they are written: in the catalogs, whether committed or not.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pg/server.hpp"

extern "C" {
#include "access/attnum.h"
#include "utils/snapshot.h"
}

namespace pagila_repl {

struct ConcurrentChange {
  uint32_t transaction;  // top-level transaction that makes the change
  std::string what;      // "function public.f(integer)"
};

// A moment of the open (sub)transaction, with which it ends at the latest.
Snapshot remember_moment();

// Changes to anything in the schemas, to the schemas themselves, or to what refers to something in them, by transactions of
// others that had not ended at that moment, whatever has become of them since: what was read after that moment may lack
// them. Forgets the moment. Needs a transaction; takes no lock that anybody waits for.
std::vector<ConcurrentChange> changes_since(Snapshot moment, const std::vector<std::string> &schema_oids);

// Throws 55P03 with what changes_since finds, if anything.
void check_no_changes_since(Snapshot moment, const std::vector<std::string> &schema_oids);
// The same for what objects_inside said of the schemas before, in which no object has been made since without a reference to what was
// there. From a WAL position on, only pages of the catalogs that were written to later are read: enough where the same was checked,
// since an earlier moment, after that position had been asked for.
using ObjectSet = std::set<std::pair<Oid, Oid>>;  // catalog, OID
ObjectSet objects_inside(const std::vector<std::string> &schema_oids);
uint64_t wal_position();
void check_no_changes_since(Snapshot moment, const ObjectSet &inside, uint64_t written_after = 0);

// Whether a transaction of others that had not ended at that moment has changed a row of the catalog, whatever has become of it since,
// whose columns, which are OIDs and of which at most the last is 0, have one of these lists of values. Forgets the moment. Needs a
// transaction.
bool is_row_changed_since(Snapshot moment, Oid catalog, const std::vector<AttrNumber> &columns,
                          const std::set<std::vector<Oid>> &values);

// Sentences that say who holds locks on the schemas or on anything in them, or has changes of them under way: process or
// prepared transaction, role, what it does, what it holds. Empty if nobody does. Also who holds locks on these other tables, or their
// partitions, that keep a foreign key to them from being made; of a catalog, who is changing its rows or holds a lock on an object
// that it tells of. With neither: whoever holds a lock that
// conflicts with reading or altering any user's object of this database. Needs a transaction.
std::string who_is_in_the_way(const std::vector<std::string> &schema_oids,
                              const std::vector<std::string> &relation_oids = {});

}  // namespace pagila_repl
