import { anyObject, type Caller, type CallOptions, change, read } from '../calls.ts';

/** Their members grow over time; programs should not depend on all of them. */
export type OpsStatus = Readonly<Record<string, unknown>>;
export type Unsettled = Readonly<Record<string, unknown>>;
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

  /** Reconciles the books now. */
  async reconcile(options: CallOptions = {}): Promise<Reconciliation> {
    const content = { method: 'POST', path: '/v1/ops/reconciliations' } as const;
    return change<Reconciliation>(this.#caller, content, anyObject, options);
  }
}
