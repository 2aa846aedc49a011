import { pino } from 'pino';
import type { Config } from '../config/config.ts';
import type { HoldOutcome } from '../domain/hold-events.ts';
import { Problem } from '../domain/problem.ts';
import type { Outcome, TransferOrder } from '../domain/types.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import { errorFields } from './error-fields.ts';
import type { Lines } from './lines.ts';
import { loggable, withoutUrlPasswords } from './loggable.ts';

export type Log = pino.Logger;

/** The one logger: JSON lines through pino, and a fast path for the line written for every transfer. */
export interface AppLogger {
  /**
   * For all lines except those of transfers. Use `log.child({ correlationId })`, or pass the correlation id with each
   * line.
   */
  log: Log;
  /**
   * Logs one line per transfer at info, whatever the answer: ids, outcome and correlation id; no amounts, names or
   * texts. Formatted by hand, because at 10,000 lines a second pino would take a tenth of the CPU budget.
   */
  transferLogged(order: TransferOrder, answer: Outcome | Problem): void;
  /** Logs an event of a hold, at level info. */
  holdLogged(outcome: HoldOutcome): void;
  /**
   * Writes buffered lines before it returns. Required before a process kills itself; a normal exit does this by itself.
   */
  flushSync(): void;
}

/** @param base fields in every line: service, role, process id, shard */
export function createLogger(
  level: Config['telemetry']['logLevel'],
  base: Readonly<Record<string, string | number>>,
  lines: Lines,
  clock: Clock = systemClock,
): AppLogger {
  const time = isoTime(clock);
  const log = pino(
    {
      level,
      base,
      timestamp: () => `,"time":"${time()}"`,
      formatters: { level: (label) => ({ level: label }) },
      // The log method has already converted every error into fields; pino's own serializer would only add to them.
      serializers: { err: (fields: unknown) => fields },
      hooks: { logMethod: logSafely, streamWrite: withoutUrlPasswords },
    },
    lines,
  );
  // pino applies no formatter to the bindings of child loggers, so this method does; children
  // inherit it from the root.
  const { child } = log;
  log.child = function (this: Log, bindings: pino.Bindings, childOptions?: object) {
    return child.call(this, loggable(bindings), childOptions);
  } as Log['child'];
  const enabled = log.isLevelEnabled('info');
  const constant = Object.entries(base)
    .map(([key, value]) => `,${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .join('');
  return {
    log,
    transferLogged(order, answer) {
      if (answer instanceof Problem && answer.code === 'internal_error') {
        const { correlationId, transactionId } = order;
        log.error({ correlationId, transactionId, err: answer.cause }, 'transfer failed unexpectedly');
      }
      if (!enabled) return;
      lines.write(
        `{"level":"info","time":"${time()}"${constant},"correlationId":${quoted(order.correlationId)},` +
          `${transferFields(order, answer)},"msg":"transfer"}\n`,
      );
    },
    holdLogged(outcome) {
      if (!enabled) return;
      const { correlationId } = outcome.event;
      lines.write(
        `{"level":"info","time":"${time()}"${constant},"correlationId":${quoted(correlationId)},` +
          `${holdFields(outcome)},"msg":"hold"}\n`,
      );
    },
    flushSync: () => lines.flushSync(),
  };
}

/**
 * Wraps every call of `log.info` and the like: `(fields, message)`, `(message)`, `(error)` or `(error, message)`. pino
 * would log the message of an error unchanged, including the values that SQL errors quote.
 */
function logSafely(this: Log, args: Parameters<pino.LogFn>, method: pino.LogFn): void {
  const [first, message, ...values] = args as [unknown, string | undefined, ...unknown[]];
  if (typeof first !== 'object' || first === null) {
    method.apply(this, args);
    return;
  }
  const fields = loggable(first instanceof Error ? { err: first } : first);
  const error = first instanceof Error ? first : 'err' in first ? first.err : undefined;
  const said = message ?? (error === undefined ? undefined : errorFields(error).message);
  method.call(this, fields, said, ...values);
}

function transferFields(order: TransferOrder, answer: Outcome | Problem): string {
  const fields =
    `"user":${quoted(order.user)},"transactionId":${quoted(order.transactionId)},"kind":"${order.kind}",` +
    `"source":${quoted(order.source)},"destination":${quoted(order.destination)}`;
  if (answer instanceof Problem) return `${fields},"outcome":"NONE","code":"${answer.code}"`;
  const refusal = answer.status === 'REJECTED' ? `,"code":"${answer.refusal}"` : '';
  return (
    `${fields},"outcome":"${answer.status}"${refusal},"epoch":${answer.epoch},"seq":${answer.seq},` +
    `"replayed":${answer.replayed},"acceptedAt":${answer.acceptedAt}`
  );
}

function holdFields({ event, epoch, seq, replayed }: HoldOutcome): string {
  const refusal = event.kind === 'REFUSED' ? `,"code":"${event.refusal}"` : '';
  return (
    `"user":${quoted(event.user)},"holdId":${quoted(event.holdId)},"account":${quoted(event.account)},` +
    `"outcome":"${event.kind}"${refusal},"epoch":${epoch},"seq":${seq},"replayed":${replayed},"acceptedAt":${event.acceptedAt}`
  );
}

// Text of printable ASCII without quotes and backslashes needs no escaping; nearly every id is of this form.
const PLAIN = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** The clock's current time in ISO 8601, formatted once per millisecond. */
function isoTime(clock: Clock): () => string {
  let lastMs = Number.NaN;
  let last = '';
  return () => {
    const now = clock.now();
    if (now !== lastMs) {
      lastMs = now;
      last = new Date(now).toISOString();
    }
    return last;
  };
}
