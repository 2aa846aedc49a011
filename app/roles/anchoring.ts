import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { Anchoring } from '../audit/anchoring.ts';
import type { Anchor } from '../audit/anchors.ts';
import { type Config, ConfigError } from '../config/config.ts';
import { repeat } from './repeat.ts';
import type { ShardContext } from './shard-context.ts';

const EVERY_MS = 60_000;
const SEND_MS_MAX = 10_000;

/** The key that signs anchors; null if there is none. @throws ConfigError, which does not quote the file */
export function signingKeyOf({ audit }: Config): KeyObject | null {
  const { signingKeyFile } = audit;
  if (signingKeyFile === null) return null;
  try {
    const key = createPrivateKey(readFileSync(signingKeyFile));
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // The error of the library may quote the file.
  }
  throw new ConfigError([`AUDIT_SIGNING_KEY_FILE ${signingKeyFile}: it is not a private Ed25519 key in PEM`]);
}

/** Signs the end of the log of a shard every minute, if there is a key. Another keeper may do the same. */
export async function anchorEveryMinute(
  context: ShardContext,
  privateKey: KeyObject | null,
  stopped: AbortSignal,
): Promise<void> {
  if (!privateKey) return;
  // Without this, no metric would show that even the first anchor cannot be delivered.
  context.metrics.anchored(context.clock.now());
  const anchoring = anchoringOf(context, privateKey);
  const every = { everyMs: EVERY_MS, failure: 'an anchor of the sealed log could not be delivered', stopped };
  await repeat(context, every, () => anchoring.round());
}

export function anchoringOf(context: ShardContext, privateKey: KeyObject): Anchoring {
  const { config, clock, identity, logger, metrics, sealedLog } = context;
  const { anchorFile, anchorUrl } = config.audit;
  return new Anchoring({
    ledger: async () => {
      const { ledgerId, shard } = await identity.shard();
      return { ledgerId, shard };
    },
    head: () => sealedLog.head(),
    stored: (after, max) => sealedLog.stored(after, max),
    privateKey,
    now: () => clock.now(),
    sinks: [
      async (anchor) => logger.log.info({ anchor }, 'anchor of the sealed log'),
      ...(anchorFile === null ? [] : [(anchor: Anchor) => appendFile(anchorFile, `${JSON.stringify(anchor)}\n`)]),
      ...(anchorUrl === null ? [] : [(anchor: Anchor) => send(anchor, anchorUrl)]),
    ],
    anchored: ({ at }) => metrics.anchored(at),
    conflict(signed) {
      metrics.anchorConflict();
      logger.log.error({ anchor: signed }, 'the sealed log was changed: it no longer has the hash of this anchor');
    },
  });
}

/** @throws Error that does not contain the URL, which may contain a password */
async function send(anchor: Anchor, url: string): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(anchor),
    redirect: 'error',
    signal: AbortSignal.timeout(SEND_MS_MAX),
  }).catch((error: unknown) => {
    throw new Error(`the receiver of anchors cannot be reached: ${error instanceof Error ? error.name : 'error'}`);
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the receiver of anchors answered ${response.status}`);
}
