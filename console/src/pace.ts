// How often something is done that many events ask for.

/** Does something at once when it is asked for, then at most once in a pause of
 *  milliseconds, and after the last wish in any case. */
export function paced(act: () => void, pause: number) {
  let timer: ReturnType<typeof setTimeout> | undefined
  let wanted = false
  const go = () => {
    wanted = false
    timer = setTimeout(() => {
      timer = undefined
      if (wanted) go()
    }, pause)
    act()
  }
  return {
    ask: () => {
      if (timer === undefined) go()
      else wanted = true
    },
    stop: () => {
      clearTimeout(timer)
      timer = undefined
      wanted = false
    },
  }
}
