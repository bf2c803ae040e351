// What the backend that asks for a run and the leader that does it share: the request one way, messages the other.
// Lives in a dynamic shared memory segment, so no preload is needed; either side may vanish at any time.
#pragma once

#include "pg/server.hpp"

extern "C" {
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
#include "storage/shm_mq.h"
}

namespace pagila_repl {

enum class RequestKind { load, replicate, replicate_to };

struct SharedRun {
  RequestKind kind;
  Oid database;
  Oid owner;                               // the caller's current user: the run's session user
  volatile sig_atomic_t cancel_requested;  // set by the caller, read by a leader that has not connected yet
  Size request_size;
};

// The message the leader sends once its run row is committed; the payload is the run id as int64.
constexpr char kRecordedMessage = 'R';

// Plain data, so that it may live across ereport. Freed with the caller's transaction.
struct Leader {
  dsm_segment *segment;
  SharedRun *shared;
  shm_mq_handle *queue;
  BackgroundWorkerHandle *worker;
};

// Server code (may ereport): starts a leader as `owner` in the current database. `request` is copied.
Leader start_leader(Oid owner, RequestKind kind, const char *request, Size request_size);
// Server code: relays the leader's messages until it has recorded its run (until_recorded) or is gone. Interruptible;
// on any error or exit of this backend the leader is cancelled. Returns the run id, 0 if it ended before recording one.
int64 follow_leader(Leader leader, bool until_recorded);

// The leader's end.
struct Attached {
  SharedRun *shared;
  const char *request;
};
Attached attach_to_caller(uint32 segment);
// Nothing if nobody called, as for the run of a job.
void send_recorded(int64 run_id);

}  // namespace pagila_repl
