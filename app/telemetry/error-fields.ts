const CAUSES_MAX = 3;
const MEMBERS_MAX = 5;

/**
 * The fields of an error that are logged. No other fields are written, because drivers attach statements and arguments
 * to errors.
 */
export interface ErrorFields {
  type: string;
  message: string;
  code?: string | number;
  errno?: number;
  sqlState?: string;
  /** The Redis command, without its arguments. */
  command?: string;
  frames?: string[];
  cause?: ErrorFields;
  errors?: ErrorFields[];
}

/**
 * An error in loggable form: its type, location, reason and causes, without SQL text or parameters and without
 * arguments of Redis commands. (mysql2 puts `sql`, TypeORM `query` and `parameters`, ioredis `command.args` on
 * their errors.)
 */
export function errorFields(error: unknown, depth = 0): ErrorFields {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error).slice(0, 200) };
  const { code, errno, sqlState, command, errors } = error as ErrorFromDriver;
  const frames = error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? [];
  const deeper = depth < CAUSES_MAX;
  return {
    type: error.name,
    message: isFromSql(error) ? withoutLiterals(error.message) : error.message,
    ...((typeof code === 'string' || typeof code === 'number') && { code }),
    ...(typeof errno === 'number' && { errno }),
    ...(typeof sqlState === 'string' && { sqlState }),
    ...(typeof command?.name === 'string' && { command: command.name }),
    ...(frames.length > 0 && { frames: frames.map((line) => line.trim()) }),
    ...(deeper && error.cause !== undefined && { cause: errorFields(error.cause, depth + 1) }),
    ...(deeper &&
      Array.isArray(errors) && { errors: errors.slice(0, MEMBERS_MAX).map((e) => errorFields(e, depth + 1)) }),
  };
}

interface ErrorFromDriver extends Error {
  code?: unknown;
  errno?: unknown;
  sqlState?: unknown;
  command?: { name?: unknown };
  errors?: unknown;
}

/** An error of mysql2, which TypeORM may have wrapped. */
function isFromSql(error: Error): boolean {
  return 'sqlState' in error || 'sqlMessage' in error || 'driverError' in error || 'query' in error;
}

/**
 * A server's message without the values that it quotes. Values may contain quotes themselves, so everything from the
 * first to the last quote is removed; only the name of the key or column at the end is kept, because it helps to
 * locate the problem.
 */
function withoutLiterals(message: string): string {
  const [named = ''] = message.match(/ for (key|column) '[\w.]{1,128}'( at row \d+)?$/) ?? [];
  const head = message.slice(0, message.length - named.length);
  return head.replace(/['"].*['"]/s, "'…'") + named;
}
