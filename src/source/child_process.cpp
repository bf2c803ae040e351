// Starting, reading and ending a child process from inside a server process.

#include "source/child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "pg/boundary.hpp"

extern "C" {
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/wait_event.h"
}

namespace pagila_repl {

namespace {

constexpr int kTickMs = 200, kShortTickMs = 10, kGraceMs = 200;

std::string reason(int error_number) { return std::generic_category().message(error_number); }

int64_t now_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

//
// Ending it
//

pid_t running = 0;  // the child that must not outlive this process

// SIGTERM lets pg_dump cancel its query on the source. The child may be stopped, or stuck in doing so.
void end_child(pid_t pid) {
  if (waitpid(pid, nullptr, WNOHANG) != 0) return;
  kill(pid, SIGTERM);
  for (int waited = 0; waited < kGraceMs; waited += 10) {
    usleep(10000);
    if (waitpid(pid, nullptr, WNOHANG) != 0) return;
  }
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void end_running_child(int, Datum) {
  if (running != 0) end_child(running);
  running = 0;
}

void end_with_this_process() {
  static bool registered = false;
  if (!registered) guarded([] { before_shmem_exit(end_running_child, 0); });
  registered = true;
}

//
// Starting it
//

// Both ends of a pipe, as long as they are wanted here.
struct Pipe {
  int reading = -1, writing = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw Error("58000", "could not create a pipe: " + reason(errno));
    reading = ends[0];
    writing = ends[1];
  }
  ~Pipe() {
    if (reading >= 0) close(reading);
    if (writing >= 0) close(writing);
  }
  Pipe(const Pipe &) = delete;
  Pipe &operator=(const Pipe &) = delete;
  int take_reading() {
    int taken = reading;
    reading = -1;
    fcntl(taken, F_SETFL, fcntl(taken, F_GETFL) | O_NONBLOCK);
    return taken;
  }
};

std::vector<char *> pointers_to(const std::vector<std::string> &texts) {
  std::vector<char *> pointers;
  for (const std::string &text : texts) pointers.push_back(const_cast<char *>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Returns an errno. The child stays in this process's group, so that an immediate shutdown ends it too.
int spawn(const Program &program, const Pipe &output, const Pipe &errors, pid_t *pid) {
  std::vector<std::string> words = {program.path};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  std::vector<char *> arguments = pointers_to(words), environment = pointers_to(program.environment);

  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  int failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (failed == 0) failed = posix_spawn_file_actions_adddup2(&actions, output.writing, 1);
  if (failed == 0) failed = posix_spawn_file_actions_adddup2(&actions, errors.writing, 2);
  if (failed == 0) failed = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  if (failed == 0)
    failed = posix_spawn(pid, program.path.c_str(), &actions, &attributes, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return failed;
}

[[noreturn]] void throw_start_error(const std::string &path, int error_number) {
  std::string message = "could not run \"" + path + "\": " + reason(error_number);
  switch (error_number) {
    case ENOENT:
    case ENOTDIR: throw Error("58P01", message);
    case EACCES:
    case EPERM:
      throw Error("42501", message, {}, "The operating system user that runs the server must be able to execute it.");
    case E2BIG: throw Error("54000", message);
    case ENOMEM: throw Error("53200", message);
    case EAGAIN: throw Error("53000", message);
    default: throw Error("58030", message);
  }
}

// Changes whenever the process does something: the kernel counts how often it was put to sleep.
std::string activity_of(pid_t pid) {
  std::string path = "/proc/" + std::to_string(pid) + "/status", activity;
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return activity;
  char text[8192];
  ssize_t size = ::read(file, text, sizeof text - 1);
  close(file);
  if (size <= 0) return activity;
  text[size] = '\0';
  const char *switches = strstr(text, "voluntary_ctxt_switches:");
  return switches == nullptr ? activity : switches;
}

}  // namespace

ChildProcess::ChildProcess(const Program &program, int stall_ms)
    : name_(program.path.substr(program.path.rfind('/') + 1)), stall_ms_(stall_ms), active_at_ms_(now_ms()) {
  if (running != 0) throw Error("XX000", "a child process is running already");
  end_with_this_process();
  Pipe output, errors;
  if (int failed = spawn(program, output, errors, &pid_)) throw_start_error(program.path, failed);
  running = pid_;
  output_ = output.take_reading();
  errors_ = errors.take_reading();
  ReserveExternalFD();
  ReserveExternalFD();
}

ChildProcess::~ChildProcess() {
  if (pid_ != 0) end_running_child(0, 0);
  close(output_);
  close(errors_);
  ReleaseExternalFD();
  ReleaseExternalFD();
}

size_t ChildProcess::read(char *buffer, size_t size) {
  for (;;) {
    guarded([] { CHECK_FOR_INTERRUPTS(); });
    int patience = collect_complaint() ? kShortTickMs : kTickMs;
    ssize_t got = ::read(output_, buffer, size);
    if (got > 0) active_at_ms_ = now_ms();
    if (got >= 0) return static_cast<size_t>(got);
    if (errno == EAGAIN)
      wait_for_output(patience);
    else if (errno != EINTR)
      throw Error("58030", "could not read what " + name_ + " prints: " + reason(errno));
  }
}

// Its complaints are not waited for, but looked at often enough that it does not wait for us.
void ChildProcess::wait_for_output(int patience_ms) {
  int socket = output_;
  int events = guarded([=] {
    int happened = WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                                     socket, patience_ms, PG_WAIT_EXTENSION);
    if (happened & WL_LATCH_SET) ResetLatch(MyLatch);
    return happened;
  });
  if (events & WL_TIMEOUT) check_stall();
}

// It prints nothing while it reads the source's catalog.
void ChildProcess::check_stall() {
  std::string activity = activity_of(pid_);
  if (activity != activity_) active_at_ms_ = now_ms();
  activity_ = activity;
  if (stall_ms_ > 0 && now_ms() - active_at_ms_ > stall_ms_)
    throw Error("57014", "source stalled: " + name_ + " has done nothing for " + std::to_string(stall_ms_) + " ms", {},
                "See the setting pagila_repl.stall_timeout.")
        .from(Error::Origin::source);
}

// True if there was something.
bool ChildProcess::collect_complaint() {
  char text[4096];
  bool any = false;
  ssize_t got;
  while ((got = ::read(errors_, text, sizeof text)) > 0) {
    complaint_.add({text, static_cast<size_t>(got)});
    any = true;
  }
  return any;
}

int ChildProcess::wait() {
  int status = 0;
  for (;;) {
    pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended < 0 && errno != EINTR) throw Error("58000", "could not wait for " + name_ + ": " + reason(errno));
    if (ended > 0) break;
    guarded([] {
      int happened = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10, PG_WAIT_EXTENSION);
      if (happened & WL_LATCH_SET) ResetLatch(MyLatch);
      CHECK_FOR_INTERRUPTS();
    });
    collect_complaint();
    check_stall();
  }
  pid_ = running = 0;
  collect_complaint();
  // A signal to the group, as from a cancel, comes to us too.
  guarded([] { CHECK_FOR_INTERRUPTS(); });
  return status;
}

}  // namespace pagila_repl
