// Follows answers as they land: the stream names the data version, and a new
// one fetches the part of the page that holds answers. Without this script the
// page is whole and has a link that loads it again.
(function () {
  'use strict'

  const live = document.getElementById('live')
  const answers = document.getElementById('answers')
  const words = document.getElementById('live-words')
  const pause = document.getElementById('live-pause')
  if (!live || !answers || !window.EventSource || !window.fetch) {
    return
  }

  const quiet = 2000 // least milliseconds between two fetches
  let shown = live.dataset.version
  let newest = shown
  let paused = false
  let busy = false
  let waiting = null

  function say (text) {
    if (words.textContent !== text) {
      words.textContent = text
    }
  }

  // Keeps the reader's place: focus, and how far each region is scrolled.
  function replace (html) {
    const focused = document.activeElement && answers.contains(document.activeElement) ? document.activeElement.id : ''
    const places = Array.from(answers.querySelectorAll('.lumbar-scroll[id]'), function (e) {
      return [e.id, e.scrollLeft, e.scrollTop]
    })
    answers.innerHTML = html
    places.forEach(function (place) {
      const e = document.getElementById(place[0])
      if (e) {
        e.scrollLeft = place[1]
        e.scrollTop = place[2]
      }
    })
    if (focused && document.getElementById(focused)) {
      document.getElementById(focused).focus({ preventScroll: true })
    }
  }

  function refresh () {
    if (paused || busy || waiting || newest === shown) {
      return
    }
    busy = true
    const asked = newest
    const begun = Date.now()
    fetch(live.dataset.answers, { credentials: 'same-origin' }).then(function (response) {
      if (!response.ok) {
        throw new Error(String(response.status))
      }
      return response.text()
    }).then(function (html) {
      if (!paused) {
        replace(html)
        shown = asked
        live.dataset.version = shown
        say('Following answers as they land.')
      }
    }).catch(function () {
      say('The latest answers could not be loaded; trying again.')
    }).then(function () {
      busy = false
      waiting = setTimeout(function () {
        waiting = null
        refresh()
      }, Math.max(quiet, 3 * (Date.now() - begun))) // a slow server is asked less often
    })
  }

  const stream = new EventSource(live.dataset.stream)
  stream.addEventListener('open', function () {
    if (!paused) {
      say('Following answers as they land.')
    }
  })
  stream.addEventListener('version', function (event) {
    newest = event.data
    refresh()
  })
  stream.addEventListener('error', function () {
    if (!paused) {
      say('Not connected. The page is as it was; trying again.')
    }
  })

  pause.hidden = false
  pause.addEventListener('click', function () {
    paused = !paused
    pause.textContent = paused ? 'Resume updates' : 'Pause updates'
    say(paused ? 'Updates are paused.' : 'Following answers as they land.')
    refresh()
  })
})()
