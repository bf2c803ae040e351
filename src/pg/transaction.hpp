// Transactions as scopes. One of a background worker commits when the body returns and aborts when it throws; in a session
// only the subtransactions and roles are for use.
#pragma once

#include <string>

#include "pg/boundary.hpp"

extern "C" {
#include "utils/palloc.h"
#include "utils/resowner.h"
}

namespace pagila_repl {

// The longest that the process waits for a lock, unless something shorter is set; 0 means for ever. Applies to transactions
// that begin later.
void limit_lock_waits(int milliseconds);
std::string longest_lock_wait();

void begin_transaction();
void commit_transaction();
void abort_transaction() noexcept;
// Where the server was when a subtransaction began.
struct Subtransaction {
  MemoryContext memory;
  ResourceOwner owner;
};
Subtransaction begin_subtransaction();
void release_subtransaction(Subtransaction outer);
void roll_back_subtransaction(Subtransaction outer);
// Gives settings the values that a transaction begins with.
void reset_settings();
// As SET LOCAL, with the rights of the present user.
void set_local(const std::string &setting, const std::string &value);
// The extension of this database; throws 42704 when it is gone. Needs a transaction.
Oid extension_oid();
Oid extension_owner();
bool has_extension();
// Throws 55000 if this library is not of the version that the extension has in this database. Needs a transaction.
void check_version();

template <class Body>
auto in_transaction(Body body) -> decltype(body()) {
  begin_transaction();
  try {
    if constexpr (std::is_void_v<decltype(body())>) {
      body();
      commit_transaction();
    } else {
      auto result = body();
      commit_transaction();
      return result;
    }
  } catch (...) {
    abort_transaction();
    throw;
  }
}

// A commit that a crash does not take back; others of a run are not waited for. Standbys are waited for in none: the locks of
// publishing would be held meanwhile, and a cancel be lost, and with it a shutdown or the limit of the run.
template <class Body>
void in_durable_transaction(Body body) {
  in_transaction([&] {
    set_local("synchronous_commit", "local");
    body();
  });
}

// Writes to disk what this transaction has put into the WAL so far, so that its commit has less to wait for.
void flush_own_wal();

// Inside in_transaction: what the body did is undone when it throws, the transaction goes on.
template <class Body>
void in_subtransaction(Body body) {
  Subtransaction outer = begin_subtransaction();
  try {
    body();
    release_subtransaction(outer);
  } catch (...) {
    roll_back_subtransaction(outer);
    throw;
  }
}

// Who a process was before it became another role.
struct Identity {
  Oid user;
  int context, settings_level;
};
Identity become_role(Oid role);
void become(Identity identity);
// The same as server code, for use inside of guarded. Where code of users has run, the settings that it has left are undone.
Identity enter_role(Oid role);
enum class Settings { keep, undo };
void leave_role(Identity before, Settings settings);

// Runs a statement that may call functions of others: settings that these change are as before afterwards, and they leave no
// cursor, temporary object or role behind. An error leaves the identity to the abort of the (sub)transaction.
void execute_restricted(const std::string &statement);

// Runs the body as another role. No user code may run in it, and none may have left a search_path for it. An error leaves
// the identity to the abort of the (sub)transaction, which the caller owes anyway.
template <class Body>
auto as_role(Oid role, Body body) -> decltype(body()) {
  Identity before = become_role(role);
  if constexpr (std::is_void_v<decltype(body())>) {
    body();
    become(before);
  } else {
    auto result = body();
    become(before);
    return result;
  }
}

// As the owner of the extension, who alone may write its tables.
template <class Body>
auto as_extension_owner(Body body) -> decltype(body()) {
  return as_role(extension_owner(), body);
}

}  // namespace pagila_repl
