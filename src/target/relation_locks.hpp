// Locks on all relations of schemas that are to be replaced or dropped, taken so that nobody who reads them is cancelled, or held
// up for long.
#pragma once

#include <chrono>
#include <random>
#include <string>
#include <vector>

#include "pg/server.hpp"

extern "C" {
#include "storage/lockdefs.h"
}

namespace pagila_repl {

class RelationLocks {
 public:
  RelationLocks();

  // Each in one try, else throws 55P03 or 40P01; then the caller undoes its (sub)transaction. Also limits how long what
  // follows in the transaction may wait for other locks.
  //
  // Locks the schemas, so that nothing comes into them, and keeps every relation of theirs from being written to or altered.
  // Readers go on.
  void hold_still(const std::vector<std::string> &schema_oids);
  // Then shuts readers out of these relations. What is to be done before the commit should be done by now.
  void shut_out_readers();
  // Both at once.
  void take(const std::vector<std::string> &schema_oids);

  // From now on no statement of the (sub)transaction waits longer than a try, and deadlocks are noticed soon.
  void limit_waits() const;
  // What follows may wait as long as at the beginning of a transaction.
  void lift_limit() const;

  // Waits between two tries, interruptibly: longer than the last one took, so that readers are free most of the time.
  void let_readers_pass();

 private:
  void list_relations(const std::vector<std::string> &schema_oids);
  void lock_relations(LOCKMODE mode, std::chrono::steady_clock::time_point deadline);
  void lock_one(Oid relation, LOCKMODE mode, std::chrono::steady_clock::time_point deadline);
  template <class Locks>
  void try_once(Locks locks);
  bool is_anyone_waiting_for_us() const;

  // Below deadlock_timeout, so that no reader becomes the victim of a deadlock with us.
  const std::chrono::milliseconds longest_try_;
  std::chrono::milliseconds last_try_{0};
  // Relations that were waited for in vain, the latest first. Who held one of them was waiting for another that we had
  // by then, so the next try begins with them: the order becomes that in which the readers take them.
  std::vector<Oid> contested_;
  std::vector<Oid> relations_;  // of the try under way, in the order in which they are locked
  bool are_held_still_ = false;
  std::mt19937 random_;
};

// Keeps the rows of the schemas in pg_namespace from being changed by others until the transaction ends: their names, owners
// and privileges. Waits for who is changing one. Needs a transaction.
void lock_schema_rows(const std::vector<std::string> &schema_oids);

// True for errors after which another try may pass: a lock was not to be had.
bool is_lock_failure(const std::string &sqlstate);

}  // namespace pagila_repl
