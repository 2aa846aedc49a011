import type { KeyRequest } from '../../domain/api-keys.ts';
import { type Identity, isOperator, requireAccounts } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type {
  Delivery,
  IssuedWebhook,
  WantedWebhook,
  Webhook,
  WebhookChange,
  WebhookRotation,
  Webhooks,
} from '../../ledger/ports/webhooks.ts';

/** Webhooks in memory. Nothing is delivered. */
export class MemoryWebhooks implements Webhooks {
  readonly stored = new Map<string, Webhook>();
  readonly attempts: Delivery[] = [];
  readonly tests: string[] = [];
  readonly #clock: Pick<Clock, 'now'>;
  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  async create({ after: _, ...wanted }: WantedWebhook, { identity }: KeyRequest): Promise<IssuedWebhook> {
    if (wanted.accounts) requireAccounts(identity, wanted.accounts);
    const existing = this.stored.get(wanted.webhookId);
    if (existing) return { webhook: existing, secret: null };
    const webhook: Webhook = {
      ...wanted,
      owner: identity.user,
      accountPrefixes: identity.accountPrefixes ?? null,
      state: 'ACTIVE',
      stopReason: null,
      secrets: 1,
      createdAt: this.#clock.now(),
      lastSuccessAt: null,
      failingSince: null,
      nextAttemptAt: null,
    };
    this.stored.set(webhook.webhookId, webhook);
    return { webhook, secret: `whsec_${webhook.webhookId}` };
  }

  async get(webhookId: string, identity: Identity): Promise<Webhook> {
    const found = this.stored.get(webhookId);
    const prefixes = identity.accountPrefixes?.join() ?? null;
    const isOwn = found?.owner === identity.user && (prefixes === null || found.accountPrefixes?.join() === prefixes);
    if (found && (isOwn || isOperator(identity))) return found;
    throw new Problem('webhook_not_found', `There is no webhook ${webhookId} that these credentials may use.`);
  }

  async list(identity: Identity, afterId: string, limit: number): Promise<Webhook[]> {
    const found = await Promise.all([...this.stored.keys()].map((id) => this.get(id, identity).catch(() => null)));
    return found
      .filter((webhook): webhook is Webhook => webhook !== null && webhook.webhookId > afterId)
      .sort((one, other) => (one.webhookId < other.webhookId ? -1 : 1))
      .slice(0, limit);
  }

  change(webhookId: string, change: WebhookChange, { identity }: KeyRequest): Promise<Webhook> {
    if (change.accounts) requireAccounts(identity, change.accounts);
    return this.#set(webhookId, identity, change);
  }

  async remove(webhookId: string, { identity }: KeyRequest): Promise<void> {
    const found = await this.get(webhookId, identity).catch(() => null);
    if (found) this.stored.delete(webhookId);
  }

  async rotate(webhookId: string, { secretId }: WebhookRotation, { identity }: KeyRequest): Promise<IssuedWebhook> {
    return { webhook: await this.#set(webhookId, identity, { secrets: 2 }), secret: `whsec_${secretId}` };
  }

  async test(webhookId: string, { identity }: KeyRequest): Promise<void> {
    await this.get(webhookId, identity);
    this.tests.push(webhookId);
  }

  moveTo(webhookId: string, position: string, { identity }: KeyRequest): Promise<Webhook> {
    return this.#set(webhookId, identity, { position });
  }

  resume(webhookId: string, { identity }: KeyRequest): Promise<Webhook> {
    return this.#set(webhookId, identity, { state: 'ACTIVE', stopReason: null });
  }

  async deliveries(webhookId: string, identity: Identity, beforeAttempt: number, limit: number): Promise<Delivery[]> {
    await this.get(webhookId, identity);
    return this.attempts.filter(({ attempt }) => attempt < beforeAttempt).slice(0, limit);
  }

  async #set(webhookId: string, identity: Identity, change: Partial<Webhook>): Promise<Webhook> {
    const changed = { ...(await this.get(webhookId, identity)), ...change };
    this.stored.set(webhookId, changed);
    return changed;
  }
}
