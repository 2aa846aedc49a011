import { Problem } from '../../domain/problem.ts';

/**
 * Errors that MySQL returns only for a statement that is itself wrong: it would fail on any server, at any time.
 * Everything else (limits, locked or changed accounts, missing privileges, read-only servers, full disks, lost
 * connections, a schema that is not migrated yet, and unknown codes) is a state of the server, which can end without a
 * change to this program.
 */
const OUR_MISTAKES = new Set([
  'ER_PARSE_ERROR',
  'ER_SYNTAX_ERROR',
  'ER_EMPTY_QUERY',
  'ER_BAD_FIELD_ERROR',
  'ER_NON_UNIQ_ERROR',
  'ER_NONUNIQ_TABLE',
  'ER_UNKNOWN_TABLE',
  'ER_FIELD_SPECIFIED_TWICE',
  'ER_INVALID_GROUP_FUNC_USE',
  'ER_WRONG_FIELD_WITH_GROUP',
  'ER_WRONG_NUMBER_OF_COLUMNS_IN_SELECT',
  'ER_DUP_FIELDNAME',
  'ER_DUP_KEYNAME',
  'ER_CANT_DROP_FIELD_OR_KEY',
  'ER_TABLE_EXISTS_ERROR',
  'ER_SP_DOES_NOT_EXIST',
  'ER_FUNC_INEXISTENT_NAME_COLLISION',
  'ER_WRONG_PARAMCOUNT_TO_NATIVE_FCT',
  'ER_WRONG_ARGUMENTS',
  'ER_NOT_SUPPORTED_YET',
  'ER_UNKNOWN_SYSTEM_VARIABLE',
  'ER_WRONG_VALUE_FOR_VAR',
  'ER_WRONG_TYPE_FOR_VAR',
  'ER_UNKNOWN_CHARACTER_SET',
  'ER_UNKNOWN_COLLATION',
  'ER_CANT_AGGREGATE_2COLLATIONS',
  'ER_NO_DEFAULT_FOR_FIELD',
  'ER_TRUNCATED_WRONG_VALUE_FOR_FIELD',
  'WARN_DATA_TRUNCATED',
  'ER_CHECK_CONSTRAINT_VIOLATED',
]);
/** SQLSTATE classes for wrong data: cardinality (a value for each column), value, integrity constraint. */
const MISTAKEN_DATA = new Set(['21', '22', '23']);

/** Node.js codes for wrong arguments, except those of TLS, which are connection failures. */
const NODE_MISTAKE = /^ERR_(?!SSL|TLS|SOCKET|STREAM)/;
/** Errors that mysql2 raises without a code. */
const DRIVER_MESSAGE = /closed state|Queue limit reached|Pool is closed|No connections available|Connection lost/;

interface DriverError extends Error {
  code?: string;
  errno?: number;
  sqlState?: string;
  fatal?: boolean;
}

/** Whether the error comes from mysql2 or the server, and not from the calling code. */
function isFromMysql(error: Error): error is DriverError {
  const { code, errno, sqlState, fatal } = error as DriverError;
  if (typeof code === 'string') return !NODE_MISTAKE.test(code);
  return errno !== undefined || sqlState !== undefined || fatal !== undefined || DRIVER_MESSAGE.test(error.message);
}

function isOurMistake({ code = '', sqlState = '' }: DriverError): boolean {
  return OUR_MISTAKES.has(code) || MISTAKEN_DATA.has(sqlState.slice(0, 2));
}

/**
 * Turns a MySQL failure that is not proven to be a bug in this program into a Problem `database_unavailable`; returns
 * other errors as they are.
 */
export function asProblem(error: unknown): unknown {
  if (error instanceof Problem || !(error instanceof Error)) return error;
  if (!isFromMysql(error) || isOurMistake(error)) return error;
  return new Problem('database_unavailable', `MySQL is unavailable (${nameOf(error)})`, {}, { cause: error });
}

/** Error numbers from here on have different meanings in MySQL and MariaDB, and mysql2 knows only the meanings in MySQL. */
const FIRST_OWN_ERRNO = 1900;
function nameOf({ code, errno = 0 }: DriverError): string {
  return errno >= FIRST_OWN_ERRNO ? `error ${errno}` : (code ?? 'closed');
}

/** Conflicts with other transactions; the connection remains usable. */
const CONFLICTS = new Set([
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_LOCK_NOWAIT',
  'ER_QUERY_INTERRUPTED',
  'ER_QUERY_TIMEOUT',
]);

/**
 * Whether the connection must be replaced, because the server is shutting down or refuses to work. After a failover,
 * the pool would otherwise keep its connections to the former primary, now read-only, even though the host name points
 * elsewhere.
 */
export function isBadConnection(error: unknown): boolean {
  const problem = asProblem(error);
  if (!(problem instanceof Problem) || !(problem.cause instanceof Error)) return false;
  return !CONFLICTS.has((problem.cause as DriverError).code ?? '');
}

/**
 * Errors of a former primary: ER_OPTION_PREVENTS_STATEMENT (`read_only`, `super_read_only`) and ER_READ_ONLY_MODE
 * (InnoDB).
 */
const READ_ONLY = new Set([1290, 1836]);
export function isReadOnly(error: unknown): boolean {
  const answered = error instanceof Problem ? error.cause : error;
  return READ_ONLY.has((answered as DriverError | undefined)?.errno ?? 0);
}

/** False only if the error is a reply of the server, because the state of the connection is then known. */
export function isUnanswered(error: unknown): boolean {
  if (error instanceof Problem) return false;
  const { errno, fatal, code } = error as DriverError;
  if (fatal === true) return true;
  if (code === undefined) return false;
  return errno === undefined || code.startsWith('PROTOCOL_') || /^E[A-Z]+$/.test(code);
}

/**
 * Errors that prove the transaction was rolled back, and that need not recur in a new one. A duplicate key means that
 * another transaction was faster.
 */
const ROLLED_BACK = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_DUP_ENTRY']);
export function isRolledBack(error: unknown): boolean {
  const answered = error instanceof Problem ? error.cause : error;
  return ROLLED_BACK.has((answered as { code?: string } | undefined)?.code ?? '');
}

/**
 * Whether another transaction stored the same id after this one had looked for it. The other unique keys contain
 * versions, whose repetition would be a bug in this program. MySQL names the table before the key
 * (`transfers.PRIMARY`), MariaDB does not.
 */
export function isIdTaken(error: unknown): boolean {
  const { code, message = '' } = error as DriverError;
  return code === 'ER_DUP_ENTRY' && /\bPRIMARY'$/.test(message);
}

/**
 * Connection errors that persist until someone changes a setting, a user or a certificate. The value names the cause.
 */
const WRONG_SETTINGS: Readonly<Record<string, string>> = {
  ER_ACCESS_DENIED_ERROR: 'MySQL does not accept its user or password',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'MySQL does not accept its user or password',
  ER_DBACCESS_DENIED_ERROR: 'its user may not use its database, or there is no such database',
  ER_BAD_DB_ERROR: 'its database does not exist; create it first',
  ER_HOST_NOT_PRIVILEGED: 'MySQL does not accept connections from this host',
  ER_NOT_SUPPORTED_AUTH_MODE: 'its user needs an authentication method that this client does not support',
  AUTH_SWITCH_PLUGIN_ERROR: 'its user needs an authentication method that this client does not support',
  ER_MUST_CHANGE_PASSWORD_LOGIN: 'the password of its user has expired',
  ER_ACCOUNT_HAS_BEEN_LOCKED: 'its user is locked',
  ER_SECURE_TRANSPORT_REQUIRED: 'MySQL requires TLS; add the parameter ssl',
  HANDSHAKE_NO_SSL_SUPPORT: 'the client requests TLS, which MySQL does not offer',
};
const CERTIFICATE_MESSAGE = /certificate|altname/i;

/**
 * @returns why connecting will fail until someone changes the configuration; null if the failure may be temporary, or
 * its cause is unknown
 */
export function wrongSettingOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { code = '', message } = error as DriverError;
  const certificate = code === 'HANDSHAKE_SSL_ERROR' && CERTIFICATE_MESSAGE.test(message);
  const reason = certificate ? `its certificate is not accepted: ${message}` : WRONG_SETTINGS[code];
  return reason === undefined ? null : `${reason} (${code})`;
}

/** Codes with which a server that is stopping or failing over replies to a statement. */
const ENDS_BY_ITSELF = new Set(['ER_SERVER_SHUTDOWN', 'ER_OPTION_PREVENTS_STATEMENT', 'ER_READ_ONLY_MODE']);
/** Whether the error shows that the server has gone away or refuses writes for the moment. */
export function isServerLost(error: unknown): boolean {
  return isUnanswered(error) || ENDS_BY_ITSELF.has((error as DriverError).code ?? '');
}
