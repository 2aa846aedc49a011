import type { KeyObject } from 'node:crypto';
import type { LogHead, StoredRow } from '../journal/sealed/sealed-rows.ts';
import { type Anchor, signedAnchor } from './anchors.ts';

interface AnchoringDependencies {
  ledger(): Promise<Pick<Anchor, 'ledgerId' | 'shard'>>;
  /** The end of the log. */
  head(): Promise<LogHead>;
  stored(after: number, max: { rows: number; bytes: number }): Promise<StoredRow[]>;
  privateKey: KeyObject;
  /** The time, ms since 1970. */
  now(): number;
  /** Where anchors are delivered; each place gets every anchor, even if another one fails. */
  sinks: readonly ((anchor: Anchor) => Promise<void>)[];
  /** Called when the end of the log has been signed and delivered, or the log is empty. */
  anchored(anchor: Pick<Anchor, 'at'>): void;
  /** Called when the log no longer has the hash that was signed last. */
  conflict(signed: Anchor): void;
}

/**
 * Signs the end of the log, and delivers the anchor. Before that, it checks that the log still has the row that was
 * signed last: a log that is recomputed while a keeper runs is thus detected within one round.
 */
export class Anchoring {
  readonly #deps: AnchoringDependencies;
  #last: Anchor | null = null;

  constructor(deps: AnchoringDependencies) {
    this.#deps = deps;
  }

  /** @throws the error of a sink, after all of them were tried; Problem database_unavailable */
  async round(): Promise<void> {
    const { ledger, head, privateKey, now, sinks, anchored, conflict } = this.#deps;
    if (this.#last && !(await this.#isUnchanged(this.#last))) conflict(this.#last);
    const { position, hash } = await head();
    if (position === 0) return anchored({ at: now() });
    const anchor = signedAnchor({ ...(await ledger()), position, hash, at: now() }, privateKey);
    this.#last = anchor;
    const results = await Promise.allSettled(sinks.map(async (sink) => sink(anchor)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    anchored(anchor);
  }

  async #isUnchanged({ position, hash }: Anchor): Promise<boolean> {
    const [row] = await this.#deps.stored(position - 1, { rows: 1, bytes: 1 });
    return row?.position === position && row.hash === hash;
  }
}
