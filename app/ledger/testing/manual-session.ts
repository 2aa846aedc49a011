import type { Format } from '../../domain/authority.ts';
import type { EpochView, HoldReason, Session } from '../epoch/epoch-view.ts';

/** A session that a test opens and closes; it only records the errors that are reported to it. */
export class ManualSession implements Session {
  reason: HoldReason = 'ledger_switching';
  rules: Format | null = 2;
  readonly suspicions: unknown[] = [];
  #view: EpochView | null = null;
  #direct: number | null = null;
  readonly movedFrom: number[] = [];
  readonly #listeners: (() => void)[] = [];

  view(): EpochView | null {
    return this.#view;
  }
  direct(): number | null {
    return this.#direct;
  }
  format(): Format | null {
    return this.rules;
  }
  moved(directEpoch: number): void {
    this.movedFrom.push(directEpoch);
    this.#direct = null;
  }
  suspect(error: unknown): void {
    this.suspicions.push(error);
  }
  onOpen(listener: () => void): void {
    this.#listeners.push(listener);
  }
  holdReason(): HoldReason {
    return this.reason;
  }

  open(view: EpochView): void {
    this.#view = view;
    this.#direct = null;
    for (const listener of this.#listeners) listener();
  }
  /** Gives MySQL the authority, in this epoch. */
  openDirectly(epoch: number): void {
    this.#view = null;
    this.#direct = epoch;
    for (const listener of this.#listeners) listener();
  }
  close(): void {
    this.#view = null;
    this.#direct = null;
  }
}
