import { anyObject, type Caller, type CallOptions, change, read } from '../calls.ts';
import type { LedgerStop } from '../types.ts';

/** Later releases may change the members of these reports; programs should not depend on all of them. */
export type OpsStatus = Readonly<Record<string, unknown>>;
export type Unsettled = Readonly<Record<string, unknown>>;
export type AuditStatus = Readonly<Record<string, unknown>>;
export type Reconciliation = Readonly<Record<string, unknown>>;

/** For operators; needs the scope `ops`. */
export class Ops {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Mode, epoch, journal, pods, keepers, frozen accounts. */
  async status(options: CallOptions = {}): Promise<OpsStatus> {
    return read<OpsStatus>(this.#caller, '/v1/ops/status', anyObject, options);
  }

  /** What is waiting for a journal, and why. */
  async unsettled(options: CallOptions = {}): Promise<Unsettled> {
    return read<Unsettled>(this.#caller, '/v1/ops/unsettled', anyObject, options);
  }

  /** The end of the sealed log, and the result of its latest self-check. */
  async audit(options: CallOptions = {}): Promise<AuditStatus> {
    return read<AuditStatus>(this.#caller, '/v1/ops/audit', anyObject, options);
  }

  /** Reconciles the books now. */
  async reconcile(options: CallOptions = {}): Promise<Reconciliation> {
    const content = { method: 'POST', path: '/v1/ops/reconciliations' } as const;
    return change<Reconciliation>(this.#caller, content, anyObject, options);
  }

  /** Whether the ledger is stopped, and who stopped and released it. */
  async stops(options: CallOptions = {}): Promise<LedgerStop> {
    return read<LedgerStop>(this.#caller, '/v1/ops/stop', anyObject, options);
  }

  /**
   * The emergency stop: refuses every change to the ledger, until it is released. It is in force once `stopped` and
   * `enforced` are true in the answer; until then, call it again.
   * @throws ProblemError or NoAnswerError: nothing was changed; OutcomeUnknownError: call it again
   */
  async stop(reason: string, options: CallOptions = {}): Promise<LedgerStop> {
    const content = { method: 'POST', path: '/v1/ops/stop', body: JSON.stringify({ reason }) } as const;
    return change<LedgerStop>(this.#caller, content, anyObject, options);
  }

  /**
   * Ends the stop with this `number`, as returned by `stops`, but no later stop, however often the request is repeated.
   * @throws ProblemError `authority_moved` after a later stop; otherwise as `stop`
   */
  async release(release: { reason: string; number: number }, options: CallOptions = {}): Promise<LedgerStop> {
    const content = { method: 'POST', path: '/v1/ops/release', body: JSON.stringify(release) } as const;
    return change<LedgerStop>(this.#caller, content, anyObject, options);
  }
}
