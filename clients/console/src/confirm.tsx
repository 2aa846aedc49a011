import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Command } from './state.ts';
import { Failure, Field } from './ui.tsx';

const REASON_CHARS_MIN = 10;

interface ConfirmProps {
  /** The words on the button that opens the dialog. */
  action: string;
  title: string;
  tone?: 'danger' | 'primary';
  /** What happens, and whether it can be undone. */
  children: ComponentChildren;
  /** The text that has to be typed to confirm a command that cannot be undone. */
  typed?: string;
  /** Whether a reason is recorded. */
  needsReason?: boolean;
  /** Is told when the dialog opens and closes. */
  opened?: (isOpen: boolean) => void;
  command: Command<[reason: string]>;
}

/**
 * A button whose command has to be confirmed in a dialog, with a reason and, for the most dangerous commands, by typing
 * a word.
 */
export function Confirm({
  action,
  title,
  tone = 'primary',
  children,
  typed,
  needsReason,
  opened,
  command,
}: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isOpen, setOpen] = useState(false);
  const [reason, setReason] = useState('');
  const [word, setWord] = useState('');
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
    else dialog.current?.close();
    opened?.(isOpen);
  }, [isOpen]);
  const close = () => {
    setOpen(false);
    setReason('');
    setWord('');
    command.clear();
  };
  // An operator who has sent a command has to see its answer.
  const closed = () => {
    if (command.isBusy) dialog.current?.showModal();
    else close();
  };
  const isReady = (!needsReason || reason.trim().length >= REASON_CHARS_MIN) && (!typed || word === typed);
  return (
    <>
      <button type="button" class={tone} onClick={() => setOpen(true)}>
        {action}
      </button>
      <dialog
        ref={dialog}
        aria-label={title}
        onClose={closed}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && command.isBusy) event.preventDefault();
        }}
      >
        {isOpen && (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (isReady) void command.run(reason.trim()).then((done) => done && close());
            }}
          >
            <h2>{title}</h2>
            {children}
            {needsReason && (
              <Field
                label="Reason"
                value={reason}
                set={setReason}
                isRequired
                hint={`A sentence of at least ${REASON_CHARS_MIN} characters. It is recorded with your name.`}
              />
            )}
            {typed && <Field label={`Type ${typed} to confirm`} value={word} set={setWord} isRequired />}
            {command.error && <Failure error={command.error} />}
            <div class="row end">
              <button type="button" onClick={close} disabled={command.isBusy}>
                Cancel
              </button>
              <button type="submit" class={tone} disabled={!isReady || command.isBusy}>
                {command.isBusy ? 'Sending …' : action}
              </button>
            </div>
          </form>
        )}
      </dialog>
    </>
  );
}
