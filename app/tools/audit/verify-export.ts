import type { KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AnchorCheck, anchorIn } from '../../audit/anchors.ts';
import { type AuditOptions, type AuditReport, audit } from '../../audit/audit.ts';
import type { AuditSource } from '../../audit/audit-source.ts';
import { ExportedBooks } from './exported-books.ts';
import { BadExport, readKey, readManifest } from './manifest.ts';

// This module must not import anything that needs packages, because the command line tool for auditors is also built
// from it.

export interface VerifyOptions extends Pick<AuditOptions, 'accountsMax' | 'progress'> {
  /** A file with anchors; null: none. */
  anchors: string | null;
  /** The file of the public key that verifies the signatures of anchors and exports; null: they are not verified. */
  key: string | null;
}

export interface VerifyResult extends AuditReport {
  /** How many anchors agreed with the log; null if none were given. */
  anchorsMatched: number | null;
  /** How many of the given anchors belong to other ledgers, and how many were signed after the export. */
  anchorsOfOthers: number;
  anchorsLater: number;
  /** Whether the signature of an export was verified; null for a database. */
  signatureVerified: boolean | null;
}

/** @param shard only this one; null: all, none of which may be missing @throws BadExport */
export async function verifyExport(
  directory: string,
  options: VerifyOptions,
  shard: number | null = null,
): Promise<VerifyResult[]> {
  const key = options.key === null ? null : await readKey(options.key, 'public');
  const results: VerifyResult[] = [];
  const present = await shardsIn(directory);
  const [first] = present.filter((number) => shard === null || number === shard);
  if (first === undefined) {
    const missing = shard === null ? 'a shard' : `shard ${shard}`;
    throw new BadExport(`${directory} is not an export: it has no directory of ${missing}`);
  }
  let manifest = await readManifest(shardDirectory(directory, first), key);
  const { ledgerId, shards } = manifest.scope;
  for (const number of shard === null ? Array.from({ length: shards }, (_, index) => index) : [shard]) {
    const path = shardDirectory(directory, number);
    if (!present.includes(number))
      throw new BadExport(`${directory} is not complete: it has no directory of shard ${number} of ${shards}`);
    if (number !== first) manifest = await readManifest(path, key);
    const { scope } = manifest;
    // The signature does not cover the name of the directory, and a directory of another export has a valid signature,
    // too.
    if (scope.shard !== number || scope.shards !== shards || scope.ledgerId !== ledgerId)
      throw new BadExport(
        `${path} contains shard ${scope.shard} of ${scope.shards} of ledger ${scope.ledgerId}, not shard ${number} of ${shards} of ledger ${ledgerId}`,
      );
    await using books = new ExportedBooks(path, manifest);
    const at = { signatureVerified: key !== null, readAt: Date.parse(manifest.createdAt) };
    results.push(await verified(books, options, key, at));
  }
  return results;
}

/** The shards for which an export has directories, in order. */
async function shardsIn(directory: string): Promise<number[]> {
  const names = await readdir(directory).catch(() => {
    throw new BadExport(`${directory} cannot be read`);
  });
  return names.flatMap((name) => (/^shard-\d+$/.test(name) ? [Number(name.slice(6))] : [])).sort((a, b) => a - b);
}

export const shardDirectory = (directory: string, shard: number): string => join(directory, `shard-${shard}`);

/** @param key verifies the anchors @param from the export; null for a database */
export async function verified(
  source: AuditSource,
  options: VerifyOptions,
  key: KeyObject | null,
  from: { signatureVerified: boolean; readAt: number } | null,
): Promise<VerifyResult> {
  const { accountsMax, progress } = options;
  const anchors =
    options.anchors === null || key === null
      ? null
      : await anchorsIn(options.anchors, new AnchorCheck([], key, await source.begin(), from?.readAt));
  const report = await audit(source, { accountsMax, ...(progress && { progress }), ...(anchors && { anchors }) });
  return {
    ...report,
    anchorsMatched: anchors?.matched ?? null,
    anchorsOfOthers: anchors?.ofOtherLedgers ?? 0,
    anchorsLater: anchors?.later ?? 0,
    signatureVerified: from?.signatureVerified ?? null,
  };
}

async function anchorsIn(path: string, anchors: AnchorCheck): Promise<AnchorCheck> {
  let count = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const anchor = anchorIn(line);
      if (!anchor) continue;
      anchors.add(anchor);
      count += 1;
    }
  } catch {
    throw new BadExport(`${path} cannot be read`);
  }
  if (count === 0) throw new BadExport(`${path} contains no anchors`);
  return anchors;
}
