import {
  type Answer,
  type History,
  type OpenedAccount,
  type ReadHistory,
  Recording,
} from '../../../verification/checker/history.ts';
import { answerOf, answerOfLookUp, fieldsOf, minorUnits } from '../../../verification/load/answers.ts';
import { HELD_MS_MAX } from './settings.ts';

/**
 * The records of the load generators: a line of JSON for each attempt, with the times of its first byte and its answer.
 * Programs under Node.js and k6 write these lines, so this file and its imports must run in both. Times are ms of one
 * clock.
 */

interface Attempted {
  sentAt: number;
  endedAt: number;
  /** 0: no answer. */
  status: number;
  /** The relevant fields of the answer; without an answer, `error` gives the reason. */
  body?: Readonly<Record<string, unknown>>;
  error?: string;
  /** If there was no answer, whether the request may have arrived. */
  delivered?: boolean;
}

export interface TransferLine extends Attempted {
  kind: 'transfer' | 'look-up';
  id: string;
  source: string;
  destination: string;
  /** Minor units. */
  amount: number;
  currency: string;
  /** The correlation id that was sent with the attempt. */
  correlationId: string;
  /** Whether it was sent over a kept-alive or a new connection. */
  via: 'kept' | 'fresh';
}

export interface ReadLine extends Attempted {
  kind: 'read';
  accountId: string;
  currency: string;
  via: 'kept' | 'fresh';
}

export type Line = TransferLine | ReadLine;

const FIELDS = ['status', 'code', 'refusal', 'replayed', 'balance', 'version', 'stale', 'source', 'acceptedAt'];
const CONTENT = ['sourceAccount', 'destinationAccount', 'amount', 'currency'];
const SIDES = ['sourceBalance', 'sourceVersion', 'destinationBalance', 'destinationVersion'];
const KEPT_FIELDS = new Set([...FIELDS, ...CONTENT, ...SIDES]);

/** The part of an answer that a line keeps. */
export function keptOf(body: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fieldsOf(body)).filter(([name]) => KEPT_FIELDS.has(name)));
}

/** The meaning of an attempt's answer for its id. */
export function answerIn({ kind, status, body, error = 'no answer', delivered, currency }: TransferLine): Answer {
  if (kind === 'look-up') return answerOfLookUp({ status, body: status === 0 ? error : body }, currency);
  if (status !== 0) return answerOf(status, body, currency);
  return delivered === false ? { kind: 'refused', status: 0, code: error } : { kind: 'unknown', reason: error };
}

/** The history that the checker reads. */
export function historyOf(lines: readonly Line[], accounts: readonly OpenedAccount[]): History {
  const history = new Recording(HELD_MS_MAX);
  for (const account of accounts) history.accounts.push(account);
  for (const line of lines.toSorted((a, b) => a.sentAt - b.sentAt)) {
    const { sentAt, endedAt } = line;
    if (line.kind === 'read') {
      const read = readOf(line);
      if (read) history.reads.push(read);
      continue;
    }
    const { id, source, destination, amount, currency, correlationId } = line;
    const transfer = history.of(id);
    const answered = { sentAt, endedAt, answer: answerIn(line) };
    if (line.kind === 'look-up') transfer.lookUps.push(answered);
    else transfer.attempts.push({ ...answered, correlationId, content: { source, destination, amount, currency } });
  }
  return history;
}

function readOf({ accountId, currency, sentAt, endedAt, status, body = {} }: ReadLine): ReadHistory | null {
  if (status !== 200) return null;
  const position = { balance: minorUnits(body['balance'], currency), version: Number(body['version']) };
  return { accountId, sentAt, endedAt, ...position, stale: body['stale'] === true, by: String(body['source']) };
}
