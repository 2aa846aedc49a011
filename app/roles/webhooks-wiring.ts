import type { Config } from '../config/config.ts';
import { Problem } from '../domain/problem.ts';
import { OutgoingAddresses, rangesIn } from '../kernel/outgoing-addresses.ts';
import { SecretBox } from '../kernel/secret-box.ts';
import type { Webhooks } from '../ledger/ports/webhooks.ts';
import type { Database } from '../mysql/connection/pool.ts';
import { WebhookStore } from '../mysql/operations/webhook-store.ts';

export const outgoingAddresses = ({ webhooks: { allowedRanges, deniedRanges, http } }: Config): OutgoingAddresses =>
  new OutgoingAddresses({
    allowed: rangesIn(allowedRanges),
    denied: rangesIn(deniedRanges),
    http: http === 'allowed',
  });

/** Null if this installation has no webhooks. */
export const secretBox = ({ webhooks: { secretKeys } }: Config): SecretBox | null =>
  secretKeys === null ? null : new SecretBox(secretKeys);

/** @param database of the first shard */
export function webhooksOf(config: Config, database: Database): Webhooks {
  const box = secretBox(config);
  const { perUserMax, max } = config.webhooks;
  return box === null ? NO_WEBHOOKS : new WebhookStore({ database, box, limits: { perUserMax, max } });
}

async function refuse(): Promise<never> {
  throw new Problem('webhooks_disabled', 'Operators have not set WEBHOOK_SECRET_KEYS, so there are no webhooks.');
}

const NO_WEBHOOKS: Webhooks = {
  create: refuse,
  get: refuse,
  list: refuse,
  change: refuse,
  remove: refuse,
  rotate: refuse,
  test: refuse,
  moveTo: refuse,
  resume: refuse,
  deliveries: refuse,
};
