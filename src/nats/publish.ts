/**
 * Publishing into a stream, and what the server's answer proves (protocol D2, D3, K6).
 *
 *   stored      it is in the stream, or was
 *   duplicate   the id is known: an earlier copy was stored, whoever sent it
 *   occupied    10077: the stream holds a message of that subject already; ours is not in it
 *   refused     certainly not stored, e.g. no stream, no space; another try may do
 *   unknown     no answer on the connection it was sent on
 *   unsent      nothing left this process
 *
 * An answer counts only with the number of copies sent: a `duplicate` after a first copy is somebody
 * else's, after a second it may be our own first.
 */
import { z } from 'zod'
import { MESSAGE_ID_HEADER } from '../api/messages.ts'
import type { StreamMessage } from './encode.ts'
import type { Answer } from './requests.ts'
import type { Session } from './session.ts'
import { cleanText, readJson } from './text.ts'

export type Publication =
  | { readonly kind: 'stored'; readonly seq: number; readonly sent: number }
  | { readonly kind: 'duplicate'; readonly sent: number }
  | { readonly kind: 'occupied'; readonly sent: number }
  | { readonly kind: 'refused'; readonly problem: string; readonly sent: number }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unsent'; readonly problem: string }

const PubAck = z.object({
  error: z
    .object({
      err_code: z.int().default(0),
      description: z.string().max(4096).default(''),
    })
    .optional(),
  seq: z.int().min(0).default(0),
  duplicate: z.boolean().default(false),
})

/** Code of "could not be stored"; only its text says whether the subject was taken or the disk full. */
const STORE_FAILED = 10077
const SUBJECT_TAKEN = /maximum messages per subject/

const MAX_ANSWER_BYTES = 8192

export async function publishTo(
  session: Session,
  message: StreamMessage,
  patience: { readonly deadlineMs: number; readonly repeatMs?: number },
): Promise<Publication> {
  const answer = await session.requests.ask({
    subject: message.subject,
    body: message.body,
    headers: [...message.headers, [MESSAGE_ID_HEADER, message.id]],
    ...patience,
  })
  return publicationOf(answer)
}

export function publicationOf(answer: Answer): Publication {
  switch (answer.kind) {
    case 'answered':
      return readAnswer(answer.message.body, answer.sent)
    case 'no-responders':
      // Of a later copy only: the first may have been stored before its stream went away.
      return answer.sent > 1
        ? { kind: 'unknown' }
        : { kind: 'refused', problem: 'no stream takes it', sent: 1 }
    case 'silent':
    case 'ended':
      return { kind: 'unknown' }
    case 'unsent':
      return answer
  }
}

function readAnswer(body: Uint8Array, sent: number): Publication {
  const read = body.length > MAX_ANSWER_BYTES ? null : readJson(body)
  const parsed = read?.ok ? PubAck.safeParse(read.value) : null
  if (!parsed?.success) return { kind: 'unknown' }
  const { error, seq, duplicate } = parsed.data
  if (!error) return duplicate ? { kind: 'duplicate', sent } : { kind: 'stored', seq, sent }
  if (error.err_code === STORE_FAILED && SUBJECT_TAKEN.test(error.description)) {
    return { kind: 'occupied', sent }
  }
  const problem = cleanText(`${error.description} (${error.err_code})`, 300)
  return sent > 1 ? { kind: 'unknown' } : { kind: 'refused', problem, sent }
}
