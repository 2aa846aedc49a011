import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { ApiError } from './api.ts';
import type { Loaded } from './state.ts';

interface Children {
  children: ComponentChildren;
}

export const skipToMain = (): void => document.getElementById('main')?.focus();

/** A page. Its title gets the focus, so that a screen reader announces it. */
export function Page({ title, intro, children }: Children & { title: string; intro?: string }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Holdfast`;
    heading.current?.focus();
  }, [title]);
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {intro && <p class="intro">{intro}</p>}
      {children}
    </>
  );
}

export function Card({ title, action, children }: Children & { title: string; action?: ComponentChildren }) {
  const id = useId();
  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {action}
      </header>
      {children}
    </section>
  );
}

type Tone = 'good' | 'bad' | 'warning' | 'neutral';

/** A word in a color; the color only repeats what the word says. */
export const Badge = ({ tone = 'neutral', children }: Children & { tone?: Tone }) => (
  <span class={`badge ${tone}`}>{children}</span>
);

export function Notice({ tone, children }: Children & { tone: Tone }) {
  return (
    <div class={`notice ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      {children}
    </div>
  );
}

export const Failure = ({ error, retry }: { error: ApiError; retry?: () => void }) => (
  <Notice tone="bad">
    <p>
      <strong>{error.code}</strong> {error.message}
    </p>
    {error.fields.length > 0 && (
      <ul>
        {error.fields.map(({ pointer, detail }) => (
          <li key={pointer}>
            <code>{pointer.slice(1)}</code> {detail}
          </li>
        ))}
      </ul>
    )}
    {error.correlationId && (
      <p class="small">
        Correlation id <code>{error.correlationId}</code>
      </p>
    )}
    {retry && (
      <button type="button" onClick={retry}>
        Try again
      </button>
    )}
  </Notice>
);

export const Empty = ({ children }: Children) => <p class="empty">{children}</p>;

export interface ShownProps<T> {
  of: Loaded<T>;
  /** What to show for errors that are not failures, by their codes: for example, if a feature is off. */
  expected?: Readonly<Record<string, ComponentChildren>>;
  children: (data: T) => ComponentChildren;
}

/** Shows everything that is read, in its four states: loading, error, stale and current. */
export function Shown<T>({ of, expected = {}, children }: ShownProps<T>) {
  if (of.data === null) {
    if (of.error && Object.hasOwn(expected, of.error.code))
      return (
        <Notice tone="neutral">
          {expected[of.error.code]}
          <button type="button" onClick={of.reload}>
            Try again
          </button>
        </Notice>
      );
    if (of.error) return <Failure error={of.error} retry={of.reload} />;
    return (
      <p class="loading" role="status">
        Loading …
      </p>
    );
  }
  return (
    <>
      {of.isStale && of.error && (
        <Notice tone="warning">
          <p>
            This is not current: the last attempt to read it failed. <strong>{of.error.code}</strong>
            {of.nextMs !== null && ` The next attempt follows in ${duration(of.nextMs)}.`}
          </p>
          <button type="button" onClick={of.reload}>
            Try again
          </button>
        </Notice>
      )}
      {children(of.data)}
    </>
  );
}

/** Names and values. */
export const Facts = ({ facts }: { facts: readonly (readonly [string, ComponentChildren])[] }) => (
  <dl class="facts">
    {facts.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value ?? '–'}</dd>
      </div>
    ))}
  </dl>
);

interface Column<T> {
  name: string;
  of: (row: T) => ComponentChildren;
  isNumber?: boolean;
}

export function Table<T>({
  label,
  rows,
  columns,
  keyOf,
  empty,
}: {
  label: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  keyOf: (row: T) => string;
  empty: string;
}) {
  if (rows.length === 0) return <Empty>{empty}</Empty>;
  return (
    // Focusable, so that a keyboard can scroll it on a narrow screen.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <section class="scroll" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map(({ name, isNumber }) => (
              <th key={name} scope="col" class={isNumber ? 'number' : ''}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ name, of, isNumber }) => (
                <td key={name} class={isNumber ? 'number' : ''}>
                  {of(row) ?? '–'}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface FieldProps {
  label: string;
  value: string;
  set: (value: string) => void;
  hint?: string;
  isSecret?: boolean;
  isRequired?: boolean;
}

export function Field({ label, value, set, hint, isSecret = false, isRequired = false }: FieldProps) {
  const id = useId();
  const input = {
    id,
    value,
    required: isRequired,
    autoComplete: 'off',
    spellcheck: false,
    'aria-describedby': hint ? `${id}-hint` : undefined,
    onInput: (event: { currentTarget: { value: string } }) => set(event.currentTarget.value),
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {isSecret ? <input {...input} type="password" /> : <input {...input} type="text" />}
      {hint && (
        <p class="small" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function Choice({
  label,
  value,
  set,
  options,
}: {
  label: string;
  value: string;
  set: (value: string) => void;
  options: readonly string[];
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => set(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </div>
  );
}

/** A form for one id, which opens the page of that id. */
export function OpenById({ label, open, hint }: { label: string; open: (id: string) => void; hint?: string }) {
  const [id, setId] = useState('');
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        if (id.trim()) open(id.trim());
      }}
    >
      <Field label={label} value={id} set={setId} isRequired {...(hint !== undefined && { hint })} />
      <button type="submit" class="primary">
        Open
      </button>
    </form>
  );
}

export const when = (time: string | null | undefined): ComponentChildren =>
  time ? <time dateTime={time}>{time.replace('T', ' ').replace('Z', ' UTC')}</time> : '–';
const HOUR_MS = 3_600_000;
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 2 * HOUR_MS) return `${Math.round(ms / 60_000)} min`;
  return ms < 48 * HOUR_MS ? `${Math.round(ms / HOUR_MS)} h` : `${Math.round(ms / (24 * HOUR_MS))} days`;
}

/** A time, and how long ago it was. @param nowMs by the clock of the service */
export const since = (time: string | null | undefined, nowMs: number): ComponentChildren =>
  time ? (
    <>
      {when(time)} ({duration(Math.max(0, nowMs - Date.parse(time)))} ago)
    </>
  ) : (
    '–'
  );

/** A page of the guide, which the same pods serve. */
export const Guide = ({ page, children }: Children & { page: string }) => (
  <a href={`guide/${page}`} target="_blank" rel="noopener">
    {children}
  </a>
);
