import type { EpochView, Seat } from '../cache/epoch-view.ts';

/** A seat that opens and closes when a test says so; it only notes what is suspected. */
export class ManualSeat implements Seat {
  reason: 'ledger_switching' | 'database_unavailable' = 'ledger_switching';
  readonly suspicions: unknown[] = [];
  #view: EpochView | null = null;
  readonly #listeners: (() => void)[] = [];

  view(): EpochView | null {
    return this.#view;
  }
  suspect(error: unknown): void {
    this.suspicions.push(error);
  }
  onOpen(listener: () => void): void {
    this.#listeners.push(listener);
  }
  holdReason(): 'ledger_switching' | 'database_unavailable' {
    return this.reason;
  }

  open(view: EpochView): void {
    this.#view = view;
    for (const listener of this.#listeners) listener();
  }
  close(): void {
    this.#view = null;
  }
}
