import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { part } from '../api.ts';
import { Confirm } from '../confirm.tsx';
import type { IssuedWebhook, Webhook, WebhookDelivery } from '../schemas.ts';
import { linkTo, useCommand, useIsOperator, useSession } from '../state.ts';
import { Choice, Field, Notice, skipToMain, when } from '../ui.tsx';

interface CommandProps {
  webhook: Webhook;
  reload: () => void;
}

const pathOf = ({ webhookId }: Webhook): string => `/v1/webhooks/${part(webhookId)}`;

/** What can be done with a webhook as a whole. */
export function WebhookCommands({ issued, ...props }: CommandProps & { issued: (secret: string | null) => void }) {
  const place = useRef<HTMLDivElement>(null);
  const isActive = props.webhook.state === 'ACTIVE';
  const isWaiting = isActive && props.webhook.nextAttemptAt !== null;
  useEffect(() => {
    // The button that had the focus may be gone.
    if (document.activeElement === document.body) place.current?.focus({ preventScroll: true });
  }, [isActive, isWaiting]);
  // With keys, an open dialog never becomes that of another command when the state changes.
  return (
    <div ref={place} class="row commands" tabIndex={-1}>
      {isActive ? <Pause {...props} /> : <Resume key="resume" {...props} action="Resume" />}
      {isWaiting && <Resume key="try" {...props} action="Try now" />}
      <Test {...props} />
      <Rotate {...props} issued={issued} />
      <Remove {...props} />
    </div>
  );
}

function Pause({ webhook, reload }: CommandProps) {
  const { api } = useSession();
  const command = useCommand(() => api.send('PATCH', pathOf(webhook), { body: { state: 'PAUSED' } }), reload);
  return (
    <Confirm action="Pause" title={`Pause webhook ${webhook.webhookId}`} command={command}>
      <p>
        No more requests are sent to <code>{webhook.url}</code>, except one that is in progress. Nothing is lost: events
        wait until the webhook is resumed.
      </p>
    </Confirm>
  );
}

function Resume({ webhook, reload, action }: CommandProps & { action: string }) {
  const { api } = useSession();
  const command = useCommand(() => api.post(`${pathOf(webhook)}/resume`), reload);
  return (
    <Confirm action={action} title={`${action}: webhook ${webhook.webhookId}`} tone="primary" command={command}>
      <p>
        Events after its position are sent to <code>{webhook.url}</code> at once. From now on, deliveries stop if the
        API key that you are signed in with is revoked.
      </p>
    </Confirm>
  );
}

function Test({ webhook, reload }: CommandProps) {
  const { api } = useSession();
  const command = useCommand(() => api.post(`${pathOf(webhook)}/test`), reload);
  return (
    <Confirm action="Send a test event" title={`Test webhook ${webhook.webhookId}`} command={command}>
      <p>
        One event of the type <code>holdfast.webhook.test</code> is sent to <code>{webhook.url}</code>, even if the
        webhook is paused or stopped. The result appears among the latest attempts.
      </p>
    </Confirm>
  );
}

const OVERLAPS: Readonly<Record<string, number>> = { '1 day': 86_400, '1 hour': 3_600, 'not at all': 0 };
const LOST =
  'An earlier attempt has replaced the secret, but its answer was lost, and a secret is shown only once. Replace it again.';

/**
 * Replaces the secret. The id of the rotation stays the same until it is answered, so that repeating it after a lost
 * answer does not add another secret.
 */
function Rotate({ webhook, reload, issued }: CommandProps & { issued: (secret: string | null) => void }) {
  const { api } = useSession();
  const [overlap, setOverlap] = useState('1 day');
  const [isLost, setLost] = useState(false);
  const secretId = useRef(newId());
  const command = useCommand(
    () => {
      setLost(false);
      const body = { secretId: secretId.current, overlapSeconds: OVERLAPS[overlap] };
      return api.post<IssuedWebhook>(`${pathOf(webhook)}/rotate`, body);
    },
    ({ secret }) => {
      secretId.current = newId();
      setLost(secret === null);
      // Null hides an earlier secret, which is no longer the newest.
      issued(secret);
      reload();
    },
  );
  return (
    <>
      <Confirm
        action="Replace the secret"
        title={`Replace the secret of webhook ${webhook.webhookId}`}
        tone="danger"
        command={command}
      >
        <p>
          Requests are signed with a new secret, which is shown only once. The receiver needs it before the old one
          expires.
        </p>
        <Choice label="The old secret stays valid" value={overlap} set={setOverlap} options={Object.keys(OVERLAPS)} />
      </Confirm>
      {isLost && (
        <Notice tone="warning">
          <p>{LOST}</p>
        </Notice>
      )}
    </>
  );
}

const ID_BYTES = 16;
const newId = (): string =>
  [...crypto.getRandomValues(new Uint8Array(ID_BYTES))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** The new secret, until the operator has stored it or leaves the page. The focus moves on, because the button is gone. */
export const Secret = ({ secret, stored }: { secret: string; stored: () => void }) => (
  <Notice tone="warning">
    <p>
      <strong>The new secret is shown only this once.</strong> Store it in the receiver.
    </p>
    <p>
      <code class="secret">{secret}</code>
    </p>
    <button
      type="button"
      onClick={() => {
        skipToMain();
        stored();
      }}
    >
      I have stored it
    </button>
  </Notice>
);

function Remove({ webhook }: CommandProps) {
  const { api } = useSession();
  const command = useCommand(
    () => api.send('DELETE', pathOf(webhook), {}),
    () => location.assign(linkTo('webhooks')),
  );
  const { webhookId, url } = webhook;
  return (
    <Confirm action="Delete" title={`Delete webhook ${webhookId}`} tone="danger" typed={webhookId} command={command}>
      <p>
        <code>{url}</code> gets no more events, and the list of attempts is deleted, too. This cannot be undone.
      </p>
    </Confirm>
  );
}

const PLACES: Readonly<Record<string, string>> = {
  'The oldest event of the log': 'oldest',
  'A position': '',
  'The end of the log': 'latest',
};
const SKIPPED = 'The end of the log';

/** Moves the webhook to a position. The API takes no times; the list of attempts has the position at each of them. */
export function Replay({ webhook, reload }: CommandProps) {
  const isOperator = useIsOperator();
  const options = Object.keys(PLACES).filter((place) => place !== SKIPPED || isOperator);
  const [place, setPlace] = useState(options[0] ?? '');
  const [position, setPosition] = useState('');
  const after = PLACES[place] || position.trim();
  const isSkip = after === PLACES[SKIPPED];
  return (
    <>
      <p class="intro">
        The webhook continues from the chosen place, so its receiver gets events again that it already has. To go back
        to a certain time, choose an attempt of that time below.
      </p>
      <div class="row">
        <Choice label="After" value={place} set={setPlace} options={options} />
        {place === 'A position' && (
          <Field
            label="Position"
            value={position}
            set={setPosition}
            hint="As shown on this page, or in an answer of the API."
          />
        )}
        {after !== '' && (
          <MoveTo
            webhook={webhook}
            reload={reload}
            after={after}
            action={isSkip ? 'Skip' : 'Send again'}
            {...(isSkip && { typed: 'SKIP' })}
          >
            {isSkip ? (
              <p>
                The events that wait now are not sent. Note the current position, <code>{webhook.position}</code>: to
                send them later, you need it.
              </p>
            ) : (
              <p>
                Every event after {place === 'A position' ? <code>{after}</code> : 'the beginning of the log'} is sent
                to <code>{webhook.url}</code>.
              </p>
            )}
            {place === 'A position' && !isSkip && <IfAhead webhook={webhook} />}
          </MoveTo>
        )}
      </div>
    </>
  );
}

interface AttemptProps extends CommandProps {
  delivery: WebhookDelivery;
}

/** Sends the events of an attempt, and all after it, again. */
export const ReplayFrom = ({ delivery: { from, at }, ...props }: AttemptProps & Pick<MoveProps, 'opened'>) => (
  <MoveTo {...props} after={from} action="Send again from here">
    <p>
      The events of the attempt of {when(at)}, and all after them, are sent to <code>{props.webhook.url}</code> again.
    </p>
    <IfAhead webhook={props.webhook} />
  </MoveTo>
);

/** A position is opaque, so the console cannot tell which of two is the earlier one. The API lets only operators skip. */
const IfAhead = ({ webhook: { position } }: Pick<CommandProps, 'webhook'>) =>
  useIsOperator() && (
    <p>
      If the current position, <code>{position}</code>, is earlier, the events in between are skipped.
    </p>
  );

/**
 * Skips events that the receiver can never process. A repeated attempt has the same content, but may end further on in
 * the log: the webhook moves to the end of the attempt that the operator has seen. The key of this component has to be
 * the id of the message.
 */
export function Skip({ delivery, ...props }: AttemptProps) {
  const [{ to, events, at }] = useState(delivery);
  return (
    <Notice tone="warning">
      <p>The receiver does not accept the events of the latest attempt, and everything after them waits.</p>
      <MoveTo {...props} after={to} action="Skip these events" typed="SKIP">
        <p>
          Deliveries continue after the events of the attempt of {when(at)} ({events}), with the next attempt. Nothing
          between the current position, <code>{props.webhook.position}</code>, and the end of these events is sent. Note
          the position: to send them later, you need it.
        </p>
      </MoveTo>
    </Notice>
  );
}

interface MoveProps extends CommandProps {
  after: string;
  action: string;
  typed?: string;
  opened?: (isOpen: boolean) => void;
  children: ComponentChildren;
}

function MoveTo({ webhook, reload, after, action, typed, opened, children }: MoveProps) {
  const { api } = useSession();
  const command = useCommand(() => api.post<Webhook>(`${pathOf(webhook)}/replay`, { after }), reload);
  return (
    <Confirm
      action={action}
      title={`${action}: webhook ${webhook.webhookId}`}
      tone={typed === undefined ? 'primary' : 'danger'}
      {...(typed !== undefined && { typed })}
      {...(opened && { opened })}
      command={command}
    >
      {children}
      {webhook.state !== 'ACTIVE' && <p>The webhook is {webhook.state.toLowerCase()}: resume it afterwards.</p>}
    </Confirm>
  );
}
