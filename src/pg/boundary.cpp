// How errors cross the border between C++ and the server.

#include "pg/boundary.hpp"

#include <cstring>
#include <new>

#include "pg/client_text.hpp"

namespace pagila_repl {

namespace {

// Errors are copied here: it outlives every transaction and is emptied after each copy.
MemoryContext error_context() {
  static MemoryContext context = nullptr;
  if (context == nullptr) context = AllocSetContextCreate(TopMemoryContext, "pagila_repl errors", ALLOCSET_SMALL_SIZES);
  return context;
}

std::string text(const char *value) { return value == nullptr ? std::string() : std::string(value); }

char *plain(const std::string &value) {
  if (value.empty()) return nullptr;
  auto *copy =
      static_cast<char *>(MemoryContextAllocExtended(CurrentMemoryContext, value.size() + 1, MCXT_ALLOC_NO_OOM));
  if (copy != nullptr) memcpy(copy, value.c_str(), value.size() + 1);
  return copy;
}

// An error keeps its origin in the server as the domain of its texts, which only decides where translations are looked for.
constexpr const char *kDomains[] = {nullptr, "pagila_repl source", "pagila_repl target"};

Error::Origin origin_of(const ErrorData *error) {
  for (auto origin : {Error::Origin::source, Error::Origin::target})
    if (error->domain != nullptr && strcmp(error->domain, kDomains[static_cast<int>(origin)]) == 0) return origin;
  return Error::Origin::local;
}

}  // namespace

ErrorData *take_server_error() {
  MemoryContext before = MemoryContextSwitchTo(error_context());
  ErrorData *copy = CopyErrorData();
  MemoryContextSwitchTo(before);
  FlushErrorState();
  return copy;
}

const char *const kTooLarge = "a value, or a row as text, is too large";
const char *const kLargest =
    "A server can hold up to 1 GB in one piece of memory. Written as text, bytea takes two bytes for each.";

bool is_about_size(const char *sqlstate, const char *source_file) {
  if (source_file == nullptr) return false;
  bool is_allocation = strcmp(source_file, "mcxt.c") == 0 && strcmp(sqlstate, "XX000") == 0;
  return is_allocation || (strcmp(source_file, "stringinfo.c") == 0 && strcmp(sqlstate, "54000") == 0);
}

void throw_server_error(ErrorData *caught) {
  if (is_about_size(unpack_sql_state(caught->sqlerrcode), caught->filename)) {
    Error error("54000", kTooLarge, kLargest);
    error.context = text(caught->context);
    error.origin = origin_of(caught);
    MemoryContextReset(error_context());
    throw error;
  }
  Error error(unpack_sql_state(caught->sqlerrcode), text(caught->message), text(caught->detail), text(caught->hint));
  error.context = text(caught->context);
  error.origin = origin_of(caught);
  error.position = caught->cursorpos;
  MemoryContextReset(error_context());
  throw error;
}

// What is said of a lack of memory fits into strings without any.
Error current_error() {
  try {
    throw;
  } catch (const Error &error) {
    return error;
  } catch (const std::bad_alloc &) {
    return Error("53200", "out of memory");
  } catch (const std::exception &error) {
    return Error("XX000", error.what());
  } catch (...) {
    return Error("XX000", "unexpected failure");
  }
}

PlainError plain_copy_of_current_exception() {
  try {
    throw;
  } catch (const Error &error) {
    const char *state = error.sqlstate.c_str();
    return {MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]),
            plain(error.message),
            plain(error.detail),
            plain(error.hint),
            plain(error.context),
            error.origin};
  } catch (const std::bad_alloc &) {
    return {ERRCODE_OUT_OF_MEMORY, nullptr, nullptr, nullptr, nullptr, Error::Origin::local};
  } catch (const std::exception &error) {
    return {ERRCODE_INTERNAL_ERROR, plain(error.what()), nullptr, nullptr, nullptr, Error::Origin::local};
  } catch (...) {
    return {ERRCODE_INTERNAL_ERROR, nullptr, nullptr, nullptr, nullptr, Error::Origin::local};
  }
}

void raise(const PlainError &error) {
  const char *fallback = error.sqlerrcode == ERRCODE_OUT_OF_MEMORY ? "out of memory" : "unexpected failure";
  const char *message = for_client(error.message), *detail = for_client(error.detail), *hint = for_client(error.hint);
  const char *context = for_client(error.context);
  ereport_domain(ERROR, kDomains[static_cast<int>(error.origin)],
                 (errcode(error.sqlerrcode), errmsg_internal("%s", message ? message : fallback),
                  detail ? errdetail_internal("%s", detail) : 0, hint ? errhint("%s", hint) : 0,
                  context ? errcontext_msg("%s", context) : 0));
  pg_unreachable();
}

}  // namespace pagila_repl
