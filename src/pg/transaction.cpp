// Transactions of a background worker.

#include "pg/transaction.hpp"

#include "pg/spi.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
}

namespace pagila_repl {

namespace {
// In milliseconds, as the setting takes it.
char longest_wait[16] = "0";

void fix_setting(const char *name, const char *value) {
  const char *now = GetConfigOption(name, true, false);
  if (now != nullptr && strcmp(now, value) == 0) return;
  (void)set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
}

// Settings of the role or database, or those that a function of the dump has left, must not decide what a run does.
void fix_settings() {
  fix_setting("role", "none");
  fix_setting("search_path", "pg_catalog, pg_temp");
  fix_setting("session_replication_role", "origin");
  fix_setting("default_transaction_isolation", "read committed");
  fix_setting("default_transaction_read_only", "off");
  fix_setting("default_transaction_deferrable", "off");
  fix_setting("statement_timeout", "0");
  fix_setting("lock_timeout", longest_wait);
  fix_setting("idle_in_transaction_session_timeout", "0");
  fix_setting("client_min_messages", "notice");
  fix_setting("row_security", "on");
  fix_setting("standard_conforming_strings", "on");
  fix_setting("escape_string_warning", "off");
  fix_setting("quote_all_identifiers", "off");
  // What arrives as binary COPY is in it.
  fix_setting("client_encoding", GetDatabaseEncodingName());
  fix_setting("DateStyle", "ISO, MDY");
  fix_setting("IntervalStyle", "postgres");
  fix_setting("extra_float_digits", "1");
  fix_setting("bytea_output", "hex");
  fix_setting("xmlbinary", "base64");
  fix_setting("xmloption", "content");
  fix_setting("array_nulls", "on");
  fix_setting("transform_null_equals", "off");
  // What functions and materialized views of the copy compute must not depend on who copies, or on where.
  fix_setting("TimeZone", "UTC");
  fix_setting("timezone_abbreviations", "Default");
  fix_setting("lc_monetary", "C");
  fix_setting("lc_numeric", "C");
  fix_setting("lc_time", "C");
  fix_setting("backslash_quote", "safe_encoding");
  fix_setting("gin_fuzzy_search_limit", "0");
  fix_setting("default_tablespace", "");
  // The compiler's library alone is larger than all else a leader holds.
  fix_setting("jit", "off");
  // Only publishing must be durable, and its commit makes everything before it durable too.
  fix_setting("synchronous_commit", "off");
}

}  // namespace

void limit_lock_waits(int milliseconds) { snprintf(longest_wait, sizeof longest_wait, "%d", milliseconds); }

std::string longest_lock_wait() { return longest_wait; }

void reset_settings() {
  guarded([] { fix_settings(); });
}

void begin_transaction() {
  guarded([] {
    // Before it starts: it takes its own properties from settings.
    fix_settings();
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
  });
}

void commit_transaction() {
  guarded([] {
    CommitTransactionCommand();
    pgstat_report_stat(false);
  });
}

void abort_transaction() noexcept {
  // An error while aborting is the server's to judge: it becomes FATAL or PANIC there.
  AbortCurrentTransaction();
}

void flush_own_wal() {
  guarded([] {
    if (!XLogRecPtrIsInvalid(XactLastRecEnd)) XLogFlush(XactLastRecEnd);
  });
}

Subtransaction begin_subtransaction() {
  return guarded([] {
    Subtransaction outer{CurrentMemoryContext, CurrentResourceOwner};
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(outer.memory);
    return outer;
  });
}

void release_subtransaction(Subtransaction outer) {
  guarded([outer] {
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(outer.memory);
    CurrentResourceOwner = outer.owner;
  });
}

void roll_back_subtransaction(Subtransaction outer) {
  guarded([outer] {
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(outer.memory);
    CurrentResourceOwner = outer.owner;
  });
}

void set_local(const std::string &setting, const std::string &value) {
  const char *name = setting.c_str(), *text = value.c_str();
  guarded([=] {
    (void)set_config_option(name, text, superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
                            false);
  });
}

Oid extension_oid() {
  Oid oid = guarded([] { return get_extension_oid("pagila_repl", true); });
  if (!OidIsValid(oid))
    throw Error("42704", "extension \"pagila_repl\" does not exist in this database", {},
                "Create it with CREATE EXTENSION pagila_repl.");
  return oid;
}

Oid extension_owner() {
  Oid extension = extension_oid();
  return guarded([extension] {
    Relation catalog = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
    SysScanDesc scan = systable_beginscan(catalog, ExtensionOidIndexId, true, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    Oid owner = HeapTupleIsValid(tuple) ? ((Form_pg_extension)GETSTRUCT(tuple))->extowner : InvalidOid;
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return owner;
  });
}

bool has_extension() {
  return guarded([] { return OidIsValid(get_extension_oid("pagila_repl", true)); });
}

void check_version() {
  Value version = query_value("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pagila_repl'");
  if (version == PR_VERSION) return;
  throw Error("55000", "the library of pagila_repl and the extension in this database are of different versions",
              "The library is of version " PR_VERSION ", the extension of version " + version.value_or("unknown") + ".",
              "ALTER EXTENSION pagila_repl UPDATE, or restart the server if it preloads an older library.");
}

Identity enter_role(Oid role) {
  Identity before{};
  GetUserIdAndSecContext(&before.user, &before.context);
  before.settings_level = NewGUCNestLevel();
  (void)set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                          false);
  SetUserIdAndSecContext(role, before.context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
  return before;
}

void leave_role(Identity before, Settings settings) {
  SetUserIdAndSecContext(before.user, before.context);
  AtEOXact_GUC(settings == Settings::keep, before.settings_level);
}

void execute_restricted(const std::string &statement) {
  Identity before = guarded([] {
    Identity now{};
    GetUserIdAndSecContext(&now.user, &now.context);
    now.settings_level = NewGUCNestLevel();
    SetUserIdAndSecContext(now.user, now.context | SECURITY_RESTRICTED_OPERATION);
    return now;
  });
  execute(statement);
  guarded([before] { leave_role(before, Settings::undo); });
}

Identity become_role(Oid role) {
  return guarded([role] { return enter_role(role); });
}

void become(Identity identity) {
  guarded([identity] { leave_role(identity, Settings::keep); });
}

}  // namespace pagila_repl
