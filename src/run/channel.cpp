// The channel between the backend that asks for a run and its leader.

#include "run/channel.hpp"

#include <initializer_list>

#include "pg/background_worker.hpp"
#include "pg/client_text.hpp"
extern "C" {
#include <signal.h>

#include "libpq/pqformat.h"
#include "libpq/pqmq.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shm_toc.h"
#include "utils/guc.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"
}

namespace pagila_repl {

namespace {

constexpr uint64 kMagic = 0x70616769;
constexpr uint64 kSharedKey = 1, kRequestKey = 2, kQueueKey = 3;
constexpr Size kQueueSize = 65536;
// How long a cancelled caller waits to see its leader gone.
constexpr int kGoneWithinMs = 2000;

bool has_caller = false;  // in a leader

void wait_until_gone(BackgroundWorkerHandle *worker, int milliseconds) {
  pid_t pid;
  for (int waited = 0; waited < milliseconds; waited += 5) {
    BgwHandleStatus status = GetBackgroundWorkerPid(worker, &pid);
    if (status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED) return;
    pg_usleep(5000);
  }
}

// Runs when the caller fails (code 0) or exits while it follows its leader.
void cancel_leader(int code, Datum argument) {
  auto *leader = reinterpret_cast<Leader *>(DatumGetPointer(argument));
  leader->shared->cancel_requested = true;
  pid_t pid;
  if (GetBackgroundWorkerPid(leader->worker, &pid) == BGWH_STARTED)
    kill(pid, SIGINT);
  else
    TerminateBackgroundWorker(leader->worker);
  // A leader that waits for room in the queue must find out that nobody reads any more.
  shm_mq_detach(leader->queue);
  if (code == 0) wait_until_gone(leader->worker, kGoneWithinMs);
}

// Passes a NOTICE or the like on to our client; returns true for the message that the run is recorded.
bool relay(char *data, Size size, int64 *run_id) {
  StringInfoData message;
  initStringInfo(&message);
  appendBinaryStringInfo(&message, data, static_cast<int>(size));
  char type = static_cast<char>(pq_getmsgbyte(&message));
  bool recorded = false;
  if (type == kRecordedMessage) {
    *run_id = pq_getmsgint64(&message);
    recorded = true;
  } else if (type == 'N' || type == 'E') {
    ErrorData error;
    pq_parse_errornotice(&message, &error);
    // How a recorded run ended is told by its row; before that the leader's error is all there is.
    error.elevel = Min(error.elevel, *run_id == 0 ? ERROR : WARNING);
    error.context = nullptr;
    for (char **text : {&error.message, &error.detail, &error.hint}) *text = const_cast<char *>(for_client(*text));
    ThrowErrorData(&error);
  }
  pfree(message.data);
  return recorded;
}

int64 follow(Leader *leader, bool until_recorded) {
  int64 run_id = 0;
  for (;;) {
    Size size;
    void *data;
    shm_mq_result result = shm_mq_receive(leader->queue, &size, &data, true);
    if (result == SHM_MQ_DETACHED) return run_id;
    if (result == SHM_MQ_SUCCESS) {
      if (relay(static_cast<char *>(data), size, &run_id) && until_recorded) return run_id;
      continue;
    }
    // A leader that could not start never attaches to the queue.
    pid_t pid;
    BgwHandleStatus status = GetBackgroundWorkerPid(leader->worker, &pid);
    if (status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED) {
      if (shm_mq_receive(leader->queue, &size, &data, true) == SHM_MQ_WOULD_BLOCK) return run_id;
      continue;
    }
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH, 0, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  }
}

}  // namespace

Leader start_leader(Oid owner, RequestKind kind, const char *request, Size request_size) {
  shm_toc_estimator estimator;
  shm_toc_initialize_estimator(&estimator);
  shm_toc_estimate_chunk(&estimator, sizeof(SharedRun));
  shm_toc_estimate_chunk(&estimator, request_size);
  shm_toc_estimate_chunk(&estimator, kQueueSize);
  shm_toc_estimate_keys(&estimator, 3);
  Size size = shm_toc_estimate(&estimator);

  Leader leader{};
  leader.segment = dsm_create(size, 0);
  shm_toc *toc = shm_toc_create(kMagic, dsm_segment_address(leader.segment), size);

  leader.shared = static_cast<SharedRun *>(shm_toc_allocate(toc, sizeof(SharedRun)));
  leader.shared->kind = kind;
  leader.shared->database = MyDatabaseId;
  leader.shared->owner = owner;
  leader.shared->cancel_requested = false;
  leader.shared->request_size = request_size;
  shm_toc_insert(toc, kSharedKey, leader.shared);

  auto *copy = static_cast<char *>(shm_toc_allocate(toc, request_size));
  memcpy(copy, request, request_size);
  shm_toc_insert(toc, kRequestKey, copy);

  shm_mq *queue = shm_mq_create(shm_toc_allocate(toc, kQueueSize), kQueueSize);
  shm_toc_insert(toc, kQueueKey, queue);
  shm_mq_set_receiver(queue, MyProc);

  BackgroundWorker worker = background_worker("pagila_repl_leader_main", "pagila_repl leader");
  worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(leader.segment));
  worker.bgw_notify_pid = MyProcPid;
  if (!RegisterDynamicBackgroundWorker(&worker, &leader.worker))
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                    errmsg("no background worker slot is free for the leader of the run"),
                    errdetail("All %d slots of max_worker_processes are taken.", max_worker_processes),
                    errhint("Try again later, or raise \"max_worker_processes\".")));
  leader.queue = shm_mq_attach(queue, leader.segment, leader.worker);
  return leader;
}

int64 follow_leader(Leader leader, bool until_recorded) {
  int64 run_id = 0;
  auto *on_exit = &leader;
  PG_ENSURE_ERROR_CLEANUP(cancel_leader, PointerGetDatum(on_exit));
  {
    run_id = follow(on_exit, until_recorded);
    // Its locks and its last row are only certain once it is gone.
    if (!until_recorded || run_id == 0) (void)WaitForBackgroundWorkerShutdown(leader.worker);
  }
  PG_END_ENSURE_ERROR_CLEANUP(cancel_leader, PointerGetDatum(on_exit));
  return run_id;
}

Attached attach_to_caller(uint32 segment_handle) {
  CurrentResourceOwner = ResourceOwnerCreate(nullptr, "pagila_repl leader");
  dsm_segment *segment = dsm_attach(segment_handle);
  if (segment == nullptr)
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the caller of the run is gone")));
  dsm_pin_mapping(segment);
  shm_toc *toc = shm_toc_attach(kMagic, dsm_segment_address(segment));
  if (toc == nullptr) elog(ERROR, "unexpected contents of a shared memory segment");

  auto *queue = static_cast<shm_mq *>(shm_toc_lookup(toc, kQueueKey, false));
  shm_mq_set_sender(queue, MyProc);
  pq_redirect_to_shm_mq(segment, shm_mq_attach(queue, segment, nullptr));
  has_caller = true;
  return {static_cast<SharedRun *>(shm_toc_lookup(toc, kSharedKey, false)),
          static_cast<const char *>(shm_toc_lookup(toc, kRequestKey, false))};
}

void send_recorded(int64 run_id) {
  if (!has_caller) return;
  StringInfoData message;
  pq_beginmessage(&message, kRecordedMessage);
  pq_sendint64(&message, run_id);
  pq_endmessage(&message);
}

}  // namespace pagila_repl
