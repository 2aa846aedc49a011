import { type Clock, TIMER_MS_MAX } from './clock.ts';
import { OutcomeUnknownError, ProblemError } from './errors.ts';
import type { Transport, WireRequest } from './http/transport.ts';
import type { Ids } from './ids.ts';
import type { Settled } from './retry/progress.ts';
import { type AttemptLimits, type Exchange, type LookedUp, type RetryOptions, settleOne } from './retry/settle.ts';
import { type Accept, type Verdict, verdictOf } from './retry/verdict.ts';

/** Options of every method. */
export interface CallOptions {
  /** Time from the first attempt after which the client gives up, ms. */
  readonly deadlineMs?: number;
  /** Stops retrying. A transfer that is still in doubt then has the outcome `unknown`. */
  readonly signal?: AbortSignal;
  /** Identifies the request in the service's logs, traces and postings; generated if absent. */
  readonly correlationId?: string;
}

/** Options of methods that return an outcome. */
export interface OutcomeOptions extends CallOptions {
  /**
   * Whether an earlier call with the same id may have been carried out, for example one that your program made before
   * it was restarted. If so, only an answer about the id itself settles the matter: an error that proves only that this
   * call changed nothing becomes the outcome `unknown`, and is not thrown. This option is not needed for a `request`
   * from an outcome.
   */
  readonly inDoubt?: boolean;
}

export interface CallDefaults {
  readonly deadlineMs: number;
  readonly attemptTimeoutMs: number;
}

/** What the resources need to make calls. */
export interface Caller {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly defaults: CallDefaults;
  /** Requests whose outcome was unknown at the end of a call. */
  readonly doubtful: WeakSet<object>;
}

/** A call: one change or read, and all its attempts. */
export interface Call extends RetryOptions {
  readonly correlationId: string;
}

export function callWith({ defaults, ids }: Pick<Caller, 'defaults' | 'ids'>, options: CallOptions): Call {
  const { deadlineMs = defaults.deadlineMs, correlationId = ids.next(), signal } = options;
  requirePositive('deadlineMs', deadlineMs);
  return { deadlineMs, attemptTimeoutMs: defaults.attemptTimeoutMs, correlationId, signal };
}

export function requirePositive(name: string, value: number): void {
  if (!(value > 0 && value <= TIMER_MS_MAX))
    throw new RangeError(`${name} must be from 1 to ${TIMER_MS_MAX}, not ${value}`);
}

export type Content = Omit<WireRequest, 'correlationId'>;

/** One attempt at one request. */
export async function attempt<V>(
  { transport }: Caller,
  { correlationId }: Call,
  content: Content,
  accept: Accept<V>,
  limits: AttemptLimits,
): Promise<Verdict<V>> {
  return verdictOf(await transport.send({ ...content, correlationId }, limits), correlationId, accept);
}

/** The outcome of an earlier attempt of a call, or null if none is visible. */
export type LookUp<V> = (call: Call, limits: AttemptLimits) => Promise<LookedUp<V> | null>;

interface SettleOptions<V> {
  readonly lookUp?: LookUp<V> | undefined;
  /** Whether an attempt of an earlier call may have been carried out. */
  readonly isInDoubt?: boolean;
  /** Whether the service forgets refusals. If so, the refusal of one attempt proves nothing about an earlier one. */
  readonly forgetsRefusals?: boolean;
}

/** Sends one request until it is answered. */
export function settleCall<V>(
  caller: Caller,
  call: Call,
  content: Content,
  accept: Accept<V>,
  { lookUp, isInDoubt = false, forgetsRefusals = false }: SettleOptions<V> = {},
): Promise<Settled<V>> {
  const exchange: Exchange<undefined, V> = {
    send: async (_, limits) => {
      const verdict = await attempt(caller, call, content, accept, limits);
      const isForgotten = forgetsRefusals && verdict.verdict === 'refused';
      return [isForgotten ? { ...verdict, conclusive: false } : verdict];
    },
    ...(lookUp && { lookUp: (_: undefined, limits: AttemptLimits) => lookUp(call, limits) }),
    isInDoubt: () => isInDoubt,
  };
  return settleOne(exchange, call, caller.clock);
}

/**
 * Reads something. A lost answer changes nothing, so an error is always an error of this call alone.
 * @throws ProblemError, NoAnswerError, or the reason of the signal
 */
export async function read<V>(
  caller: Caller,
  path: string,
  accept: Accept<V>,
  options: CallOptions = {},
  content: Partial<Content> = {},
): Promise<V> {
  const settled = await settleCall(caller, callWith(caller, options), { method: 'GET', path, ...content }, accept);
  if (settled.kind === 'unknown') throw settled.error;
  return settledValue(settled);
}

/**
 * Makes a change that can be repeated with the same result.
 * @throws ProblemError or NoAnswerError: nothing was changed; OutcomeUnknownError: the change may have been made
 */
export async function change<V>(
  caller: Caller,
  content: Content,
  accept: Accept<V>,
  options: CallOptions = {},
  lookUp?: LookUp<V>,
): Promise<V> {
  const settling = { lookUp, forgetsRefusals: true };
  return settledValue(await settleCall(caller, callWith(caller, options), content, accept, settling));
}

/** @throws ProblemError, OutcomeUnknownError, or the reason of the signal */
export function settledValue<V>(settled: Settled<V>): V {
  switch (settled.kind) {
    case 'accepted':
      return settled.value;
    case 'refused':
      throw new ProblemError(settled.problem, null);
    case 'failed':
      throw settled.error;
    case 'unknown':
      throw new OutcomeUnknownError(settled.error, settled.retryAfterMs);
  }
}

/** The body as an object that has at least these members; null if it is not one. */
export function objectWith<T extends object>(body: unknown, members: Partial<T>): T | null {
  if (typeof body !== 'object' || body === null) return null;
  const given = body as Record<string, unknown>;
  return Object.entries(members).every(([name, value]) => given[name] === value) ? (body as T) : null;
}

/** Accepts any object. */
export const anyObject = <T extends object>(body: unknown): T | null => objectWith<T>(body, {});

/** An id in a path. Ids need no escaping, but a wrong argument must not become another path. */
export function segment(id: string): string {
  if (id === '' || id === '.' || id === '..') throw new RangeError(`"${id}" cannot be an id`);
  return encodeURIComponent(id);
}

type QueryValue = string | number | boolean | null | undefined;

export function withQuery(path: string, query: Readonly<Record<string, QueryValue>>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  if (given.length === 0) return path;
  return `${path}?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}

/** Whether an earlier call may have carried out this request. */
export const isDoubtful = ({ doubtful }: Caller, request: object, { inDoubt }: OutcomeOptions): boolean =>
  inDoubt ?? doubtful.has(request);
