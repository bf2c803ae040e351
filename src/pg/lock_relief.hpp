// Keeps few the locks of a transaction that makes or drops many objects.
//
// What a transaction has made nobody else can see before it ends, so nobody could wait for a lock on it; and who holds a table
// exclusively needs no locks on its indexes, constraints and so on once they are dropped. The server keeps such locks until the
// end, in a table that all sessions share.
#pragma once

namespace pagila_repl {

// While it lives, locks that the transaction comes to hold and has no need of are let go now and then.
class LockRelief {
 public:
  // What is locked by now stays so. Needs a (sub)transaction, to which all locks belong that it meets later.
  LockRelief();
  ~LockRelief();
  LockRelief(const LockRelief &) = delete;
  LockRelief &operator=(const LockRelief &) = delete;

  // At the end of a statement that has made or dropped something.
  static void after_statement();
  // At once.
  static void let_go();
};

}  // namespace pagila_repl
