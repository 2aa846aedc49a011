import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { AuditFault } from './audit-source.ts';

/**
 * The hash of a position of a log, signed with an Ed25519 key that the database never sees, and stored where the database's
 * administrators cannot write. Whoever recomputes the log from an earlier position cannot recompute its anchors.
 */
export interface Anchor {
  ledgerId: string;
  shard: number;
  position: number;
  hash: string;
  /** When it was signed, ms since 1970. */
  at: number;
  /** The key that signed it: see `keyIdOf`. */
  keyId: string;
  /** Base64. */
  signature: string;
}

/** The text that is signed must never change: auditors have anchors from many years. */
const signedText = ({ ledgerId, shard, position, hash, at }: Omit<Anchor, 'signature' | 'keyId'>): Buffer =>
  Buffer.from(JSON.stringify(['holdfast-anchor', 1, ledgerId, shard, position, hash, at]));

/** The first 16 hexadecimal digits of the SHA-256 of the public key in DER. @param key private or public */
export function keyIdOf(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}

export function signedAnchor(facts: Omit<Anchor, 'signature' | 'keyId'>, privateKey: KeyObject): Anchor {
  const signature = sign(null, signedText(facts), privateKey).toString('base64');
  return { ...facts, keyId: keyIdOf(privateKey), signature };
}

function isAuthentic(anchor: Anchor, publicKey: KeyObject): boolean {
  return verify(null, signedText(anchor), publicKey, Buffer.from(anchor.signature, 'base64'));
}

/** An anchor in a line of a file: the line itself, or the line of a log with an `anchor`. Null for any other line. */
export function anchorIn(line: string): Anchor | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const inner = (value as { anchor?: unknown } | null)?.anchor ?? value;
  return isAnchor(inner) ? inner : null;
}

function isAnchor(value: unknown): value is Anchor {
  const one = value as Partial<Anchor> | null;
  return (
    typeof one === 'object' &&
    one !== null &&
    [one.ledgerId, one.hash, one.signature].every((field) => typeof field === 'string') &&
    [one.shard, one.position, one.at].every((field) => Number.isSafeInteger(field))
  );
}

/** How far the clock of a keeper may be behind that of whoever exports the log, ms. */
const CLOCKS_MS_OFF = 60_000;
/** The parts of an anchor that are needed once its signature has been verified. */
type Known = Pick<Anchor, 'position' | 'hash' | 'at'>;
const at = (anchor: Known): string => new Date(anchor.at).toISOString();

/** Compares a log with anchors while it is walked. */
export class AnchorCheck {
  readonly #publicKey: KeyObject;
  readonly #of: Pick<Anchor, 'ledgerId' | 'shard'>;
  readonly #byPosition = new Map<number, Known[]>();
  #forged: { first: Known; count: number } | null = null;
  #lastGood = 0;
  #broken: { anchor: Known; hash: string; after: number } | null = null;
  /** How many anchors match the log. */
  matched = 0;
  /** How many anchors belong to another ledger: they prove nothing about this one. */
  ofOtherLedgers = 0;
  /** How many anchors are beyond the end of the log because they were signed after it was exported. */
  later = 0;
  #ofOtherShards = 0;
  readonly #readAt: number;

  /**
   * @param anchors of any ledgers and shards, in any order; those of other ledgers and shards are not compared
   * @param readAt when the end of the log was read, ms, by a clock that administrators of the database cannot set: only
   * anchors that were signed later may be beyond the end. By default, no anchor may.
   */
  constructor(
    anchors: Iterable<Anchor>,
    publicKey: KeyObject,
    { ledgerId, shard }: Pick<Anchor, 'ledgerId' | 'shard'>,
    readAt = Number.POSITIVE_INFINITY,
  ) {
    this.#publicKey = publicKey;
    this.#of = { ledgerId, shard };
    this.#readAt = readAt;
    for (const anchor of anchors) this.add(anchor);
  }

  /** Call before the first `take`. Keepers write an anchor every minute, so a file may contain millions of them. */
  add(anchor: Anchor): void {
    const { ledgerId, shard, position, hash, at } = anchor;
    if (position === 0) return;
    if (ledgerId !== this.#of.ledgerId) this.ofOtherLedgers += 1;
    else if (shard !== this.#of.shard) this.#ofOtherShards += 1;
    if (ledgerId !== this.#of.ledgerId || shard !== this.#of.shard) return;
    const known = this.#byPosition.get(position) ?? [];
    // Several keepers anchor the same position, and the end of a log at rest is anchored again and again.
    if (known.some((other) => other.hash === hash)) return;
    if (isAuthentic(anchor, this.#publicKey)) this.#byPosition.set(position, [...known, { position, hash, at }]);
    else this.#forged = { first: this.#forged?.first ?? { position, hash, at }, count: (this.#forged?.count ?? 0) + 1 };
  }

  /** Called for each row of the log, in order. */
  take({ position, hash }: { position: number; hash: string }): void {
    const anchors = this.#byPosition.get(position);
    if (!anchors) return;
    this.#byPosition.delete(position);
    const wrong = anchors.find((anchor) => anchor.hash !== hash);
    if (wrong) this.#broken ??= { anchor: wrong, hash, after: this.#lastGood };
    else {
      this.matched += 1;
      if (!this.#broken) this.#lastGood = position;
    }
  }

  /** Called after the last row. @param end the last row; null if the log could not be read to its end */
  faults(end: { position: number } | null): AuditFault[] {
    const faults: AuditFault[] = [];
    if (this.#broken) {
      const { anchor, after } = this.#broken;
      const problem = `the log was changed and recomputed: its hash at position ${anchor.position} differs from that of the anchor from ${at(anchor)}; the first wrong position is in the range ${after + 1} to ${anchor.position}`;
      faults.push({ position: after + 1, index: null, what: 'log', problem });
    }
    const beyond = end ? this.#beyond(end.position) : null;
    if (end && beyond) {
      const problem = `the end of the log is missing: an anchor from ${at(beyond)} is at position ${beyond.position}`;
      faults.push({ position: end.position + 1, index: null, what: 'log', problem });
    }
    const areForOthers = this.matched === 0 && this.ofOtherLedgers + this.#ofOtherShards > 0;
    // The id of the ledger is in MySQL: changing it must not be a way for an insider to get rid of the anchors.
    if (end && end.position > 0 && areForOthers && faults.length === 0 && this.#forged === null) {
      const problem = `no anchor belongs to this ledger and shard; ${this.ofOtherLedgers} belong to other ledgers`;
      faults.push({ position: null, index: null, what: 'anchors', problem });
    }
    if (this.#forged) {
      const { first, count } = this.#forged;
      const problem = `${count} anchors are not signed with this key; the first one is from ${at(first)}`;
      faults.push({ position: first.position, index: null, what: 'anchors', problem });
    }
    return faults;
  }

  /** The first anchor that is beyond the end of the log, although it was signed before the end was read. */
  #beyond(end: number): Known | null {
    let first: Known | null = null;
    for (const anchors of this.#byPosition.values())
      for (const anchor of anchors) {
        if (anchor.position <= end) continue;
        if (anchor.at > this.#readAt - CLOCKS_MS_OFF) this.later += 1;
        else if (first === null || anchor.position < first.position) first = anchor;
      }
    return first;
  }
}
