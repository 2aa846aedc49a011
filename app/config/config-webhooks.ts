import { areRanges } from '../kernel/outgoing-addresses.ts';
import { areBoxKeys } from '../kernel/secret-box.ts';
import { choice, HOUR_MS, integer, type Kind, MINUTE_MS, optional, setting, textWhere } from './config-kinds.ts';

const DAY_MS = 24 * HOUR_MS;

const ranges = (): Kind<string> =>
  textWhere(areRanges, 'address ranges such as 10.1.0.0/16, separated by commas or spaces', { secret: false });

export const WEBHOOK_SETTINGS = {
  webhooks: {
    secretKeys: optional(
      'WEBHOOK_SECRET_KEYS',
      textWhere(areBoxKeys, '32 bytes in base64, or several of these, separated by spaces', { secret: true }),
      'Keys that encrypt the secrets of webhooks in MySQL. The first one encrypts; all of them decrypt. API pods and the role `webhooks` need the same keys. Without a key, webhooks are disabled.',
    ),
    perUserMax: setting('WEBHOOKS_PER_USER_MAX', integer(1, 1_000), 20, 'Maximum number of webhooks of one user.'),
    max: setting(
      'WEBHOOKS_MAX',
      integer(1, 5_000),
      500,
      'Maximum number of webhooks of all users. Each may have a request of 256 KiB in progress.',
    ),
    requestTimeoutMs: setting(
      'WEBHOOK_REQUEST_TIMEOUT_MS',
      integer(100, MINUTE_MS),
      15_000,
      'Maximum time for one request to a webhook, from the lookup of its host to its response.',
    ),
    retryForMs: setting(
      'WEBHOOK_RETRY_FOR_MS',
      integer(1_000, 30 * DAY_MS),
      DAY_MS,
      'How long deliveries to a webhook are retried. After that, they stop until somebody resumes them.',
    ),
    allowedRanges: optional(
      'WEBHOOK_ALLOWED_RANGES',
      ranges(),
      'Address ranges to which webhooks may be sent although they are not public, for receivers in your own network.',
    ),
    deniedRanges: optional(
      'WEBHOOK_DENIED_RANGES',
      ranges(),
      'Address ranges to which webhooks must not be sent although they are public, for example those of your cluster. They take precedence.',
    ),
    http: setting(
      'WEBHOOK_HTTP',
      choice('refused', 'allowed'),
      'refused',
      'Whether webhooks may have URLs with `http://`: anyone on the network path can read and withhold their events.',
    ),
  },
} as const;
