import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { part } from './api.ts';
import { Pages } from './paging.tsx';
import { queryOf } from './query.ts';
import { type Loaded, useKept, useLoaded, useSession } from './state.ts';
import { duration, Guide, Notice, when } from './ui.tsx';

type Fields = Readonly<Record<string, string>>;

interface SearchOptions<F> {
  /** The path of the list. */
  path: string;
  /** The fields before anything was typed. */
  none: F;
  /** The parameters of the API. */
  parametersOf: (fields: F) => Fields;
  /** Whether the caller may send this search. */
  isAllowed?: (fields: F) => boolean;
}

export interface Search<F, L> {
  /** What the operator has typed so far. */
  fields: F;
  set: (fields: F) => void;
  /** The fields of the latest search. */
  sent: F;
  isAllowed: boolean;
  send: () => void;
  clear: () => void;
  list: Loaded<L>;
  cursor: string | null;
  setCursor: (cursor: string | null) => void;
}

/** A search whose fields, result and page are still there when the operator comes back from one of its results. */
export function useSearch<F extends Fields, L>(options: SearchOptions<F>): Search<F, L> {
  const { path, none, parametersOf } = options;
  const [fields, set] = useKept(`${path} fields`, none);
  const [sent, setSent] = useKept(`${path} sent`, none);
  const [cursor, setCursor] = useKept<string | null>(`${path} cursor`, null);
  const query = queryOf(parametersOf(sent));
  const isAllowed = options.isAllowed?.(sent) ?? true;
  const more = cursor === null ? '' : `&cursor=${part(cursor)}`;
  const list = useLoaded<L>(isAllowed ? `${path}?limit=50&${query}${more}` : null);
  const searchFor = (wanted: F) => {
    set(wanted);
    setSent(wanted);
    setCursor(null);
    if (cursor === null && queryOf(parametersOf(wanted)) === query) list.reload();
  };
  const send = () => searchFor(fields);
  return { fields, set, sent, isAllowed, send, clear: () => searchFor(none), list, cursor, setCursor };
}

interface FormProps {
  label: string;
  search: Pick<Search<Fields, unknown>, 'send' | 'clear'>;
  children: ComponentChildren;
}

export const SearchForm = ({ label, search, children }: FormProps) => (
  <form
    aria-label={label}
    onSubmit={(event) => {
      event.preventDefault();
      search.send();
    }}
  >
    {children}
    <div class="row buttons">
      <button type="submit" class="primary">
        Search
      </button>
      <button type="button" onClick={search.clear}>
        Clear
      </button>
    </div>
  </form>
);

/** Why a list may be unavailable although nothing is broken, by the code of the problem. */
const NO_SEARCH = {
  search_disabled: (
    <p>
      Search is off for this ledger, so nothing can be listed. If you know an id, you can open it above.{' '}
      <Guide page="search.html#switch-it-on">How to switch search on</Guide>
    </p>
  ),
  search_not_ready: (
    <p>
      The search index is not complete: it is being built, or no process with the role <code>search</code> has run yet.{' '}
      <Guide page="runbook.html#holdfastsearchbehind">What to check</Guide>
    </p>
  ),
  feature_not_active: (
    <p>
      The search index follows the sealed log, which this ledger does not have yet.{' '}
      <Guide page="operation.html#the-format-of-the-rules">How to move to format 2</Guide>
    </p>
  ),
} as const;

/** If the index is further behind than this, operators are warned, ms. */
const BEHIND_MS_MAX = 60_000;

/** How many items a page has, and up to what time it is complete. */
function Completeness({ page }: { page: { asOf: string; items: readonly unknown[] } }) {
  const { api } = useSession();
  const { asOf, items } = page;
  const behindMs = useMemo(() => api.now() - Date.parse(asOf), [page]);
  return (
    <>
      <p class="small" role="status">
        {items.length} on this page. Complete up to {when(asOf)}.
      </p>
      {behindMs > BEHIND_MS_MAX && (
        <Notice tone="warning">
          <p>
            What happened in the last {duration(behindMs)} is missing: the index is behind, or no process with the role{' '}
            <code>search</code> is running. <Guide page="runbook.html#holdfastsearchabsent">What to check</Guide>
          </p>
        </Notice>
      )}
    </>
  );
}

interface Results {
  nextCursor: string | null;
  asOf: string;
  items: readonly unknown[];
}

/** The results of a search, one page at a time. */
export const SearchResults = <L extends Results>({
  search: { list, cursor, setCursor },
  children,
}: {
  search: Pick<Search<Fields, L>, 'list' | 'cursor' | 'setCursor'>;
  children: (page: L) => ComponentChildren;
}) => (
  <Pages of={list} expected={NO_SEARCH} cursor={cursor} setCursor={setCursor} first="First" next="Next">
    {(page) => (
      <>
        <Completeness page={page} />
        {children(page)}
      </>
    )}
  </Pages>
);

export const nothingOn = ({ nextCursor }: { nextCursor: string | null }): string =>
  nextCursor === null ? 'Nothing was found.' : 'Nothing was found on this page. There may be more on the next one.';

/** The choice that does not filter. */
export const ANY = 'any';
export const chosen = (choice: string): string => (choice === ANY ? '' : choice);
