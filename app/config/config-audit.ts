import { isSecureUrl } from '../kernel/secure-url.ts';
import { cron, integer, optional, setting, text, url } from './config-kinds.ts';

/** Settings of the audit of the sealed log: docs/audit.md. */
export const AUDIT_SETTINGS = {
  cron: setting(
    'AUDIT_CRON',
    cron(),
    '30 4 * * *',
    'Schedule of the self-check of the sealed log, in `RECONCILIATION_TIME_ZONE`. It runs once, regardless of the number of keepers.',
  ),
  minutesMax: setting(
    'AUDIT_MINUTES_MAX',
    integer(0, 24 * 60),
    60,
    'Maximum duration of a self-check, minutes; the next one continues where it ended. 0: no self-checks.',
  ),
  signingKeyFile: optional(
    'AUDIT_SIGNING_KEY_FILE',
    text(/^.{1,4096}$/, 'a path'),
    'File with a private Ed25519 key (PEM). With it, each keeper signs the end of the sealed log every minute, and writes this anchor to its log (docs/audit.md). Not set: no anchors.',
  ),
  anchorFile: optional(
    'AUDIT_ANCHOR_FILE',
    text(/^.{1,4096}$/, 'a path'),
    'File to which keepers also append their anchors, one JSON object per line.',
  ),
  anchorUrl: optional(
    'AUDIT_ANCHOR_URL',
    url(['https', 'http'], 'https://host[:port]/path, or http:// on loopback', ({ href }) => isSecureUrl(href)),
    'URL to which keepers also send each anchor: `POST` with a JSON body; any 2xx is success. Redirects are not followed.',
  ),
};
