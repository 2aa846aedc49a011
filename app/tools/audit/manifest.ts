import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keyIdOf } from '../../audit/anchors.ts';
import type { AuditScope } from '../../audit/audit-source.ts';
import type { LogHead } from '../../journal/sealed/sealed-rows.ts';

const FORMAT = 'holdfast-audit-1';
const MANIFEST = 'manifest.json';
const SIGNATURE = 'manifest.sig';

export const FILES = ['log', 'items', 'accounts', 'holds', 'calendar', 'waiting'] as const;
export type ExportedFile = (typeof FILES)[number];
export const pathOf = (directory: string, file: ExportedFile): string => join(directory, `${file}.ndjson`);

export interface FileFacts {
  lines: number;
  bytes: number;
  sha256: string;
}

/** What an export contains. Its signature covers the hashes of all files. */
export interface Manifest {
  format: string;
  createdAt: string;
  keyId: string;
  scope: AuditScope;
  /** The end of the log at the moment when the accounts and holds were read. */
  moment: LogHead;
  files: Record<ExportedFile, FileFacts>;
}

/** An export that cannot be used. */
export class BadExport extends Error {
  override readonly name = 'BadExport';
}

/** Written last: an export without a manifest is not complete. */
export async function writeManifest(
  directory: string,
  facts: Omit<Manifest, 'format' | 'keyId'>,
  privateKey: KeyObject,
): Promise<void> {
  const manifest: Manifest = { format: FORMAT, keyId: keyIdOf(privateKey), ...facts };
  const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  const mode = 0o600;
  await writeFile(join(directory, SIGNATURE), `${sign(null, text, privateKey).toString('base64')}\n`, { mode });
  await writeFile(join(directory, MANIFEST), text, { mode });
}

/**
 * Reads the manifest, and compares all files with it.
 * @param publicKey null: the signature is not verified @throws BadExport
 */
export async function readManifest(directory: string, publicKey: KeyObject | null): Promise<Manifest> {
  const text = await readFile(join(directory, MANIFEST)).catch(() => {
    throw new BadExport(`${directory} has no ${MANIFEST}: the export is not complete`);
  });
  if (publicKey) {
    const signature = await readFile(join(directory, SIGNATURE), 'utf8').catch(() => '');
    if (!verify(null, text, publicKey, Buffer.from(signature, 'base64')))
      throw new BadExport(`${directory}: the manifest is not signed with this key`);
  }
  const manifest = JSON.parse(text.toString()) as Manifest;
  if (manifest.format !== FORMAT) throw new BadExport(`${directory} has the unknown format ${manifest.format}`);
  for (const file of FILES) {
    const { bytes, sha256 } = await factsOfFile(pathOf(directory, file));
    if (bytes !== manifest.files[file].bytes || sha256 !== manifest.files[file].sha256)
      throw new BadExport(`${pathOf(directory, file)} is not the file that was exported`);
  }
  return manifest;
}

async function factsOfFile(path: string): Promise<Pick<FileFacts, 'bytes' | 'sha256'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch {
    throw new BadExport(`${path} cannot be read`);
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** A key in a PEM file. @throws BadExport */
export async function readKey(path: string, type: 'private' | 'public'): Promise<KeyObject> {
  try {
    const pem = await readFile(path);
    const key = type === 'private' ? createPrivateKey(pem) : createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // The error of the library may quote the file.
  }
  throw new BadExport(`${path} is not a ${type} Ed25519 key in PEM`);
}
