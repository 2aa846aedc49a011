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
  /** Which key has signed it: see `keyIdOf`. */
  keyId: string;
  /** Base64. */
  signature: string;
}

/** The text that is signed must never change: auditors have anchors of many years. */
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

/**
 * An anchor in a line of a file: the line itself, or the line of a log with an `anchor`. Null for any other line.
 */
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

const at = (anchor: Anchor): string => new Date(anchor.at).toISOString();

/** Compares a log with anchors while it is walked. */
export class AnchorCheck {
  readonly #byPosition = new Map<number, Anchor[]>();
  readonly #forged: Anchor[] = [];
  #lastGood = 0;
  #broken: { anchor: Anchor; hash: string; after: number } | null = null;
  /** How many anchors agreed. */
  matched = 0;
  /** How many anchors are of another ledger: they prove nothing about this one. */
  ofOtherLedgers = 0;
  #ofOtherShards = 0;

  /** @param anchors of any ledgers and shards, in any order; those of others are not compared */
  constructor(
    anchors: Iterable<Anchor>,
    publicKey: KeyObject,
    { ledgerId, shard }: Pick<Anchor, 'ledgerId' | 'shard'>,
  ) {
    for (const anchor of anchors) {
      if (anchor.position === 0) continue;
      if (anchor.ledgerId !== ledgerId) this.ofOtherLedgers += 1;
      else if (anchor.shard !== shard) this.#ofOtherShards += 1;
      if (anchor.ledgerId !== ledgerId || anchor.shard !== shard) continue;
      if (!isAuthentic(anchor, publicKey)) {
        this.#forged.push(anchor);
        continue;
      }
      const known = this.#byPosition.get(anchor.position);
      // Several keepers anchor the same position.
      if (!known) this.#byPosition.set(anchor.position, [anchor]);
      else if (!known.some(({ hash }) => hash === anchor.hash)) known.push(anchor);
    }
  }

  /** For each row of the log, in order. */
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
      const problem = `the log was changed and recomputed: its hash at position ${anchor.position} is not that of the anchor of ${at(anchor)}; the first wrong position is in the range ${after + 1} to ${anchor.position}`;
      faults.push({ position: after + 1, index: null, what: 'log', problem });
    }
    const beyond = end
      ? [...this.#byPosition.values()].flat().find(({ position }) => position > end.position)
      : undefined;
    if (end && beyond) {
      const problem = `the end of the log is missing: an anchor of ${at(beyond)} is at position ${beyond.position}`;
      faults.push({ position: end.position + 1, index: null, what: 'log', problem });
    }
    const areForOthers = this.matched === 0 && this.ofOtherLedgers + this.#ofOtherShards > 0;
    // The id of the ledger is in MySQL: an insider who changes it must not get rid of the anchors.
    if (end && end.position > 0 && areForOthers && faults.length === 0 && this.#forged.length === 0) {
      const problem = `none of the anchors is of this ledger and shard; ${this.ofOtherLedgers} are of other ledgers`;
      faults.push({ position: null, index: null, what: 'anchors', problem });
    }
    const [forged] = this.#forged;
    if (forged) {
      const problem = `${this.#forged.length} anchors are not signed with this key; the first one is of ${at(forged)}`;
      faults.push({ position: forged.position, index: null, what: 'anchors', problem });
    }
    return faults;
  }
}
