// A transaction of a background worker, as a scope: commits when the body returns, aborts when it throws.
#pragma once

#include "pg/boundary.hpp"

namespace pagila_repl {

void begin_transaction();
void commit_transaction();
void abort_transaction() noexcept;
void begin_subtransaction();
void release_subtransaction();
void roll_back_subtransaction();
// The extension of this database; throws 42704 when it is gone. Needs a transaction.
Oid extension_oid();
Oid extension_owner();

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

// Inside in_transaction: what the body did is undone when it throws, the transaction goes on.
template <class Body>
void in_subtransaction(Body body) {
  begin_subtransaction();
  try {
    body();
    release_subtransaction();
  } catch (...) {
    roll_back_subtransaction();
    throw;
  }
}

// Runs the body as the owner of the extension, who alone may write the audit tables. No user code may run in it.
// An error leaves the identity to the abort of the (sub)transaction, which the caller owes anyway.
template <class Body>
auto as_extension_owner(Body body) -> decltype(body()) {
  Oid user;
  int context;
  GetUserIdAndSecContext(&user, &context);
  Oid owner = extension_owner();
  SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
  if constexpr (std::is_void_v<decltype(body())>) {
    body();
    SetUserIdAndSecContext(user, context);
  } else {
    auto result = body();
    SetUserIdAndSecContext(user, context);
    return result;
  }
}

}  // namespace pagila_repl
