import type { Answer, History, LookUp } from '../../verification/checker/history.ts';
import { of } from '../../verification/load/load.ts';
import type { Transition } from './timeline.ts';

/** The observations of the clients while the load ran. */
export interface Seen {
  /** Transfers with an outcome per second, before the fault. */
  steadyRate: number;
  /** The longest time that any client waited for an answer, ms. */
  waitMsMax: number;
  /**
   * How often a request got no outcome, by code and kind of request, not counting errors that the client caused itself.
   */
  errors: ReadonlyMap<string, number>;
  /** How many connections broke during a request, by the pod's URL. */
  broken: ReadonlyMap<string, number>;
  /** The moves of the authority since the load began. */
  moves: readonly Transition[];
  /** Every request and its answer, and the moments between which they count. */
  history: History;
  span: Span;
  /** Errors that do not count, because the machine was too busy. */
  excused: RegExp | null;
}

/** Moments in ms of `now()`: the load began, the fault began, the load ended. */
export interface Span {
  began: number;
  fault: number;
  ended: number;
}

/**
 * Errors that the load causes on purpose, with a few requests. A refused group has an outcome, but its transfers have
 * none.
 */
const OWN_FAULTS = new Set(['validation_failed', 'account_not_found', 'group_refused']);

export function seen(
  history: History,
  span: Span,
  { broken, moves, otherErrors }: Pick<Seen, 'broken' | 'moves'> & { otherErrors: Seen['errors'] },
): Omit<Seen, 'excused'> {
  const { began, fault, ended } = span;
  const errors = new Map(otherErrors);
  let outcomes = 0;
  let waitMsMax = 0;
  const count = ({ sentAt, endedAt, answer }: LookUp, kind: 'transfer' | 'look-up') => {
    if (sentAt < began || sentAt > ended) return;
    if (Number.isFinite(endedAt)) waitMsMax = Math.max(waitMsMax, endedAt - sentAt);
    const code = errorIn(answer);
    if (code !== null) errors.set(of(kind, code), (errors.get(of(kind, code)) ?? 0) + 1);
    else if (endedAt < fault) outcomes += 1;
  };
  for (const { attempts, lookUps } of history.transfers.values()) {
    for (const attempt of attempts) count(attempt, 'transfer');
    for (const lookUp of lookUps) count(lookUp, 'look-up');
  }
  return { steadyRate: (1000 * outcomes) / (fault - began), waitMsMax, errors, broken, moves, history, span };
}

export function errorIn(answer: Answer): string | null {
  if (answer.kind === 'unknown') return answer.reason;
  if (answer.kind === 'absent') return 'transfer_not_found';
  return answer.kind !== 'refused' || OWN_FAULTS.has(answer.code) ? null : answer.code;
}

export const codeIn = (error: string): string => error.replace(/ \([a-z-]+\)$/, '');

export const listOf = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([what, count]) => `${what} ${count}`).join(', ') || 'none';

export const sumOf = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((a, b) => a + b, 0);

/** The errors that a fault may cause: none, or broken connections. */
export const NONE = /^$/;
export const BROKEN = /^(ECONNRESET|ECONNREFUSED|EPIPE|socket hang up|aborted)$/;
/**
 * While MySQL is unavailable, requests that need it get an error, some of them only after waiting for it. Just after
 * its return, requests get `overloaded` while the maximum number of requests is still waiting for it.
 */
export const WITHOUT_MYSQL = /^(database_unavailable|overloaded|504 outcome_unknown)$/;
/** The errors while the ledger is closed for longer than a request is held. */
export const CLOSED =
  /^(ledger_closed|ledger_switching|504 outcome_unknown|ECONNRESET|ECONNREFUSED|EPIPE|socket hang up|aborted)$/;
/**
 * The errors that are allowed if the machine is too busy: the service held a request for the maximum time, an account
 * was still waiting for Redis, a request was refused or not received completely in time, MySQL did not answer in time,
 * or a pod ended before the client had noticed that it was stopping.
 */
export const OUTLASTED =
  /^(ledger_closed|ledger_switching|504 outcome_unknown|no answer in time|account_unsettled|overloaded|request_timeout|database_unavailable|ECONNRESET|socket hang up)$/;
