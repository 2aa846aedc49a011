import { useRef } from 'preact/hooks';
import { Shown, type ShownProps } from './ui.tsx';

interface PagesProps<T> extends ShownProps<T> {
  /** Null: the first page. */
  cursor: string | null;
  setCursor: (cursor: string | null) => void;
  /** The labels of the buttons that lead to the first and to the next page. */
  first?: string;
  next?: string;
}

/** One page of a list, with buttons for the others. A click replaces the buttons, so the focus moves to the list. */
export function Pages<T extends { nextCursor: string | null }>({
  cursor,
  setCursor,
  first = 'Newest',
  next = 'Older',
  children,
  ...shown
}: PagesProps<T>) {
  const place = useRef<HTMLDivElement>(null);
  const go = (to: string | null) => {
    place.current?.focus();
    setCursor(to);
  };
  return (
    <div ref={place} class="pages" tabIndex={-1}>
      <Shown {...shown}>
        {(page) => (
          <>
            {children(page)}
            {(cursor !== null || page.nextCursor) && (
              <div class="row end">
                {cursor !== null && (
                  <button type="button" onClick={() => go(null)}>
                    {first}
                  </button>
                )}
                {page.nextCursor && (
                  <button type="button" onClick={() => go(page.nextCursor)}>
                    {next}
                  </button>
                )}
              </div>
            )}
          </>
        )}
      </Shown>
    </div>
  );
}
