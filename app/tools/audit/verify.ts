import type { KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Anchor, AnchorCheck, anchorIn } from '../../audit/anchors.ts';
import { type AuditOptions, type AuditReport, audit } from '../../audit/audit.ts';
import type { AuditSource } from '../../audit/audit-source.ts';
import type { Config } from '../../config/config.ts';
import { configOfShard } from '../../config/shard-config.ts';
import { MysqlAuditBooks } from '../../mysql/audit/audit-books.ts';
import { OwnLedger } from '../../mysql/connection/own-ledger.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { ExportedBooks } from './exported-books.ts';
import { BadExport, readKey, readManifest } from './manifest.ts';

/** The view of accounts and holds keeps one connection; the log is read over another one at the same time. */
const CONNECTIONS_MAX = 3;
/** A page of a large table may take long on a busy server. */
const QUERY_TIMEOUT_MS = 10 * 60_000;

export interface VerifyOptions extends Pick<AuditOptions, 'accountsMax' | 'progress'> {
  /** A file with anchors; null: none. */
  anchors: string | null;
  /** The file of the public key that verifies the signatures of anchors and exports; null: they are not verified. */
  key: string | null;
}

export interface VerifyResult extends AuditReport {
  /** How many anchors agreed with the log; null if none were given. */
  anchorsMatched: number | null;
  /** Whether the signature of an export was verified; null for a database. */
  signatureVerified: boolean | null;
}

/** The databases of all shards, or of one. */
export async function forDatabases<T>(
  config: Config,
  shard: number | null,
  work: (source: AuditSource, shard: number) => Promise<T>,
): Promise<T[]> {
  const { shards } = config.ledger;
  const wanted = shard === null ? Array.from({ length: shards }, (_, number) => number) : [shard];
  const results: T[] = [];
  for (const number of wanted) {
    const { mysql } = configOfShard(config, number);
    const ledger = new OwnLedger({ shard: number, shards });
    const connections = { connectionsMax: CONNECTIONS_MAX, queryTimeoutMs: QUERY_TIMEOUT_MS };
    await using database = new Database({ ...mysql, ...connections, ledger });
    results.push(await work(new MysqlAuditBooks(database), number));
  }
  return results;
}

export async function verifyDatabases(
  config: Config,
  shard: number | null,
  options: VerifyOptions,
): Promise<VerifyResult[]> {
  const key = options.key === null ? null : await readKey(options.key, 'public');
  return forDatabases(config, shard, (source) => verified(source, options, key, null));
}

/** @throws BadExport */
export async function verifyExport(directory: string, options: VerifyOptions): Promise<VerifyResult[]> {
  const key = options.key === null ? null : await readKey(options.key, 'public');
  const results: VerifyResult[] = [];
  for (const path of await shardDirectories(directory)) {
    await using books = new ExportedBooks(path, await readManifest(path, key));
    results.push(await verified(books, options, key, key !== null));
  }
  return results;
}

/** The directory of each shard in an export. */
async function shardDirectories(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => {
    throw new BadExport(`${directory} cannot be read`);
  });
  const shards = names.filter((name) => /^shard-\d+$/.test(name));
  if (shards.length === 0) throw new BadExport(`${directory} is not an export: it has no directory of a shard`);
  return shards.sort((a, b) => Number(a.slice(6)) - Number(b.slice(6))).map((name) => join(directory, name));
}

export const shardDirectory = (directory: string, shard: number): string => join(directory, `shard-${shard}`);

async function verified(
  source: AuditSource,
  options: VerifyOptions,
  key: KeyObject | null,
  signatureVerified: boolean | null,
): Promise<VerifyResult> {
  const { accountsMax, progress } = options;
  const anchors =
    options.anchors === null || key === null
      ? null
      : new AnchorCheck(await anchorsIn(options.anchors), key, await source.begin());
  const report = await audit(source, { accountsMax, ...(progress && { progress }), ...(anchors && { anchors }) });
  return { ...report, anchorsMatched: anchors?.matched ?? null, signatureVerified };
}

async function anchorsIn(path: string): Promise<Anchor[]> {
  const anchors: Anchor[] = [];
  try {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      const anchor = anchorIn(line);
      if (anchor) anchors.push(anchor);
    }
  } catch {
    throw new BadExport(`${path} cannot be read`);
  }
  return anchors;
}
