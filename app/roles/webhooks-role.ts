import { ConfigError } from '../config/config.ts';
import { WebhookLeaseStore } from '../mysql/operations/webhook-lease-store.ts';
import { Deliverer } from '../webhooks/deliverer.ts';
import { WebhookLog } from '../webhooks/webhook-log.ts';
import { WebhookSender } from '../webhooks/webhook-sender.ts';
import { closeAdminServer, startAdminServer } from './admin-server.ts';
import type { Running } from './api-role.ts';
import type { Context } from './context.ts';
import { outgoingAddresses, secretBox } from './webhooks-wiring.ts';

/** A deliverer of webhooks. Any number may run. It needs MySQL and the receivers, but not Redis. */
export async function startWebhooks(context: Context): Promise<Running> {
  const { config, clock, logger, metrics, processId: holder, shards } = context;
  const { host, adminPort } = config.http;
  const { requestTimeoutMs, retryForMs } = config.webhooks;
  const [first] = shards;
  const box = secretBox(config);
  if (!box || !first) throw new ConfigError(['WEBHOOK_SECRET_KEYS is missing: the role webhooks needs it']);
  let stopping = false;
  const readiness = () => ({ ready: !stopping, reasons: stopping ? ['it is shutting down'] : [] });
  // The server starts before anything that would keep the process alive, because a port in use
  // aborts the startup.
  const server = await startAdminServer({ readiness, metrics, host, port: adminPort });
  const ledgerId = () => first.identity.read();
  const sender = new WebhookSender({ addresses: outgoingAddresses(config), clock, timeoutMs: requestTimeoutMs });
  const ofWebhooks = metrics.ofWebhooks();
  const deliverer = new Deliverer({
    leases: new WebhookLeaseStore(first.database, box),
    log: new WebhookLog({
      shards: shards.map(({ sealedLog, logger: { log } }) => ({ log: sealedLog, logger: log })),
      ledgerId,
      clock,
    }),
    sender,
    clock,
    logger: logger.log,
    holder,
    ledgerId,
    requestTimeoutMs,
    retryForMs,
    onAttempt: (kind, events, { failure, durationMs }) =>
      ofWebhooks.attempted(kind, events, failure, durationMs / 1000),
  });
  ofWebhooks.sample({
    webhooksActive: () => deliverer.state.webhooks.ACTIVE,
    webhooksStopped: () => deliverer.state.webhooks.STOPPED,
    webhooksHeld: () => deliverer.state.held,
    webhooksFailing: () => deliverer.state.failing,
    webhookBehindSeconds: () => deliverer.state.behindMs / 1000,
  });
  const stopped = new AbortController();
  const delivering = deliverer.run(stopped.signal);
  logger.log.info({ adminPort }, 'the deliverer of webhooks is running');

  return {
    server,
    async stop() {
      stopping = true;
      stopped.abort();
      await delivering;
      await deliverer.stop(config.process.shutdownGraceMs / 2);
      sender[Symbol.dispose]();
      await closeAdminServer(server);
    },
  };
}
