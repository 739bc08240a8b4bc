/** Many calls, a few at a time. */

/**
 * Results in the order of the items. After a failure no further call is begun, and those that were are
 * waited for, so that nothing goes on behind the back of the caller; then the first failure is thrown.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  act: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = []
  let next = 0
  let failure: { readonly error: unknown } | null = null
  const lane = async () => {
    while (next < items.length && failure === null) {
      const index = next++
      try {
        results[index] = await act(items[index] as T)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane))
  const { error } = (failure as { readonly error: unknown } | null) ?? {}
  if (failure !== null) throw error
  return results
}
