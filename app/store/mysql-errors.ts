import { Problem } from '../errors.ts';

/**
 * What MySQL answers only to a statement that is wrong in itself: it would fail on any server, at any time. Everything else
 * (limits, locked or changed accounts, missing rights, read-only servers, full disks, lost connections, a schema that is not
 * migrated yet, and codes that nobody has seen yet) is a state of the server, which ends without a change of this program.
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
/** Classes of SQLSTATE that tell of wrong data: cardinality (a value for each column), value, integrity constraint. */
const MISTAKEN_DATA = new Set(['21', '22', '23']);

/** Codes of Node.js for arguments that a program got wrong; those of TLS are failures of a connection. */
const NODE_MISTAKE = /^ERR_(?!SSL|TLS|SOCKET|STREAM)/;
/** Errors that mysql2 raises without a code. */
const DRIVER_MESSAGE = /closed state|Queue limit reached|Pool is closed|No connections available|Connection lost/;

interface DriverError extends Error {
  code?: string;
  errno?: number;
  sqlState?: string;
  fatal?: boolean;
}

/** Whether mysql2 or the server raised it, and not the code that used them. */
function isFromMysql(error: Error): error is DriverError {
  const { code, errno, sqlState, fatal } = error as DriverError;
  if (typeof code === 'string') return !NODE_MISTAKE.test(code);
  return errno !== undefined || sqlState !== undefined || fatal !== undefined || DRIVER_MESSAGE.test(error.message);
}

function isOurMistake({ code = '', sqlState = '' }: DriverError): boolean {
  return OUR_MISTAKES.has(code) || MISTAKEN_DATA.has(sqlState.slice(0, 2));
}

/** A Problem `database_unavailable` for a failure of MySQL that is not proven to be our mistake; any other error as it is. */
export function asProblem(error: unknown): unknown {
  if (error instanceof Problem || !(error instanceof Error)) return error;
  if (!isFromMysql(error) || isOurMistake(error)) return error;
  return new Problem('database_unavailable', `MySQL is not available (${nameOf(error)})`, {}, { cause: error });
}

/** From here on MySQL and MariaDB give other meanings to the same numbers, and mysql2 knows those of MySQL alone. */
const FIRST_OWN_ERRNO = 1900;
function nameOf({ code, errno = 0 }: DriverError): string {
  return errno >= FIRST_OWN_ERRNO ? `error ${errno}` : (code ?? 'closed');
}

/** Conflicts with other transactions: the connection is as good as before. */
const CONFLICTS = new Set([
  'ER_LOCK_DEADLOCK',
  'ER_LOCK_WAIT_TIMEOUT',
  'ER_LOCK_NOWAIT',
  'ER_QUERY_INTERRUPTED',
  'ER_QUERY_TIMEOUT',
]);

/**
 * Whether the connection is better replaced: the server is leaving, or refuses what it should do. After a failover a pool would
 * otherwise keep its connections to a former primary, which is read-only now, while its name leads elsewhere.
 */
export function isBadConnection(error: unknown): boolean {
  const problem = asProblem(error);
  if (!(problem instanceof Problem) || !(problem.cause instanceof Error)) return false;
  return !CONFLICTS.has((problem.cause as DriverError).code ?? '');
}

/** True unless the error is an answer of the server: only then is it known what the connection does next. */
export function isUnanswered(error: unknown): boolean {
  if (error instanceof Problem) return false;
  const { errno, fatal, code } = error as DriverError;
  if (fatal === true) return true;
  if (code === undefined) return false;
  return errno === undefined || code.startsWith('PROTOCOL_') || /^E[A-Z]+$/.test(code);
}

/** What an answer of the server proves undone, and a new transaction may well do. A duplicate key: another one was faster. */
const ROLLED_BACK = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_DUP_ENTRY']);
export function isRolledBack(error: unknown): boolean {
  const answered = error instanceof Problem ? error.cause : error;
  return ROLLED_BACK.has((answered as { code?: string } | undefined)?.code ?? '');
}
