// The shared memory of a leader and its workers.
#pragma once

#include "core/error.hpp"
#include "core/work_queue.hpp"
#include "pg/server.hpp"

extern "C" {
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/dsm.h"
#include "storage/lwlock.h"
#include "storage/shm_toc.h"
}

namespace pagila_repl {

// What a worker says of itself. Written by the worker alone, and read by the leader, under SharedWork::lock.
struct WorkerSlot {
  enum State : int { starting, working, without_source, ended, failed };
  State state;
  int item;      // it is at, -1 for none
  bool refused;  // the source had no connection for it
  char sqlstate[6];
  char message[1024], detail[4096], hint[1024], context[2048], step_started[64];
  Error::Origin origin;  // of the error
};

// What a verification found. Written by who took the item, read by the leader once all is done.
struct VerifiedSlot {
  uint64 rows, source_rows;
  char hash[128], source_hash[128];
};

struct SharedWork {
  Oid database, owner;
  int tranche;
  int workers;  // slots
  Size items_size, job_size;
  LWLock lock;  // guards the queue, stopped, and the slots
  bool stopped;
  ConditionVariable changed;  // the queue, a slot, or stopped
  pg_atomic_uint64 rows, bytes;
};

enum SharedKey : uint64 { kWorkKey = 1, kQueueKey, kItemsKey, kJobKey, kSlotsKey, kVerifiedKey };
constexpr uint64 kWorkMagic = 0x70616777;

// The segment as either side sees it.
struct WorkSegment {
  dsm_segment *segment;
  SharedWork *work;
  void *queue;
  const char *items, *job;  // packed
  WorkerSlot *slots;
  VerifiedSlot *verified;  // by item
};

// Server code: finds the parts of an attached segment.
WorkSegment parts_of(dsm_segment *segment);

}  // namespace pagila_repl
