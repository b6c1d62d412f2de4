# The therapist's screen. Every text answers: does it record, is it saved, what next.

## Keys
cap-enter = Enter
cap-escape = Esc
cap-space = Space
cap-backspace = Backspace
cap-left = ◂
cap-right = ▸
cap-f3 = F3
cap-f4 = F4
cap-f5 = F5
cap-f6 = F6
cap-f7 = F7
cap-f8 = F8
cap-f9 = F9
cap-f10 = F10

key-help-long = Help
key-help-short = ?
other-language-long = Русский
other-language-short = RU
this-language = English
key-back = Back
key-next = Next
key-previous = Previous
key-choose = Choose
key-understood = I see
key-home = To the start
key-new-session = New session
key-choose-headset = Choose a headset
key-continue = Continue the interrupted session: { $client }, { $ago } ago
key-uploads = Sending
key-settings = Settings
key-new-client = New client
key-type-code = Type a code
key-skipped = Did not happen
key-skip = Note it
key-other-code = Another code
key-yes = Yes, it is so
key-untick = Take back
key-mode-online = Online session
key-mode-in-person = In person
key-start = Start recording
key-baseline = Two minutes of rest first
key-before = Questions
key-override = Record as it is
key-leave-fit = Cancel
key-pause = Pause
key-resume = Go on
key-erase = Erase
key-quiet = Quiet
key-bright = Bright
key-stop = End
key-back-date = A moment ago
key-skip-baseline = Skip these minutes
key-take = Set
key-no-mark = No mark
key-erase-now = Erase
key-erase-not = Erase nothing
key-go-on = Go on
key-stop-now = End the recording
key-stop-not = Go on recording
key-stop-not-paused = Back to the pause
key-risk = Risk card
key-discard = Delete the session
key-discard-not = Leave it as it is
key-sign = Sign and finish
key-darker = Darker
key-lighter = Lighter
key-search = Search again
key-use = Use it
key-forget = Forget
key-join = Connect
key-save-logs = Save to the stick

## State of the recording
state-unknown = NO CONTACT
state-idle = NOT RECORDING
state-starting = STARTING
state-recording = RECORDING
state-paused = PAUSED
state-not_saving = NOT SAVING

## Numbers and times
percent = { NUMBER($n, maximumFractionDigits: 1) } %
battery = battery { $n } %
length-days = { $n ->
    [one] { $n } day
   *[other] { $n } days
}
length-hours = { $n ->
    [one] { $n } hour
   *[other] { $n } hours
}
length-minutes = { $n ->
    [one] { $n } minute
   *[other] { $n } minutes
}
moment = { $day } { $month }, { $time }
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
length-moment = less than a minute
unknown = not known
on = on
off = off

## Titles
box-title = Box { $device }
box-title-simulated = REHEARSAL: everything is simulated
session-title = { $client } · session { $number } of { $wanted }+ · { $mode }
session-title-short = { $client } · { $number } of { $wanted }+ · { $mode }
session-title-simulated = SIMULATED
mode-in-person = in person
mode-online = online

## No contact with the recorder
away-starting-big = STARTING
away-starting-small = The box is starting
away-starting-records = It is not recording: the box is still starting.
away-starting-saved = Everything recorded before is in its place.
away-starting-next = Wait a few seconds. If nothing changes within a minute, switch the box off and on again.
away-lost-big = NO CONTACT
away-lost-small = The recording program does not answer
away-lost-records = Whether it records is not known. Take it that it does NOT.
away-lost-saved = Everything the screen has shown as saved is saved.
away-lost-next = Wait: the screen connects again by itself, usually within seconds. If nothing changes within a minute, switch the box off and on again: the session can be continued.

## Refusals
notice-title = That did not work
notice-detail = For the technician: { $code } · { $message }
fault-0 = The box did not answer. Wait a few seconds and try again.
fault-1 = A fault in the box's program. Try again; if that does not help, read the line below to the lab.
fault-10 = The box is not set up completely. Give it to the technician.
fault-11 = Something is wrong with the box's key. Give the box to the technician.
fault-12 = The box does not know for whom to seal recordings. Give it to the technician.
fault-13 = The lab's list of clients is damaged or too old. Connect the box to the internet; if that does not help, tell the lab.
fault-20 = The client's consent does not allow such a recording. Look at the signed form.
fault-21 = This code must not be recorded: it is not on the list, or the lab has blocked it. Compare it with the client's card.
fault-30 = The headset does not answer. See that it is on, charged and close to the box.
fault-31 = The box does not know such a headset. Choose another one: F4, "Headset and microphone".
fault-32 = The file to be played can't be read. Choose another headset: F4, "Headset and microphone".
fault-33 = Too few electrodes have good contact yet. Adjust them, or wait.
fault-40 = The microphone does not answer. Plug it in again.
fault-41 = The microphone was not found. Plug it in, or choose another one: F4, "Headset and microphone".
fault-42 = Another program holds the microphone. Switch the box off and on again.
fault-43 = This microphone will not do: its quality is not enough. Take the one the lab has sent.
fault-50 = The box's memory card answers with an error. Do not begin a session; tell the lab.
fault-51 = There is little space. Connect the box to the internet: sessions that were sent and verified make room.
fault-52 = The box may not write to its memory card. Give it to the technician.
fault-53 = Another program is recording already. Wait, or restart the box.
fault-54 = The memory card could not be written to. Everything saved before is safe. Tell the lab.
fault-60 = The box got something it does not understand. Read the line below to the lab.
fault-75 = Sending did not work. The box tries again by itself.
fault-76 = The lab's server can't be reached. Look at the internet connection; the box tries again by itself.
fault-77 = The server is not the one this box knows: nothing was sent. Tell the lab.
fault-78 = The lab's server does not let this box in. Tell the lab.
fault-79 = The box's pass to the server has expired. You may record; tell the lab.
fault-83 = The lab's server is full. The box tries later; tell the lab.
fault-84 = The lab's answer did not pass the check. Nothing was deleted; tell the lab.
fault-90 = The box lacks a program it needs. Give it to the technician.
fault-91 = That can't be done now. Try again.
fault-92 = That can't be done now: the box is busy with something else.
fault-93 = The mark was not set.
fault-other = Something went wrong. Try again; if that does not help, read the line below to the lab.

## Home
simulated-headset = simulated
simulated-microphone = simulated
home-ready-big = READY
home-ready-small = The box is ready. It is not recording now.
home-asleep-big = READY
home-asleep-small = Only the headset has to be switched on. It is not recording now.
home-headless-big = NO HEADSET
home-headless-small = No headset is chosen yet. It is not recording now.
home-blocked-big = NOT READY
home-blocked-small = A session can't be started yet. It is not recording now.
home-blocked-button = A new session is possible as soon as the box is ready
fact-headset = Headset
fact-microphone = Microphone
fact-box = Box
fact-space = Space
fact-upload = Sending
fact-receipt = Receipt
headset-none = none chosen: press Enter
headset-connected = { $name }: connected
headset-connecting = { $name }: connecting
headset-lost = { $name }: no contact. Switch it on, the box connects it
microphone-none = none chosen: press F4, "Headset and microphone"
microphone-connected = { $name }: connected
microphone-connecting = { $name }: connecting
microphone-lost = { $name }: does not answer
space-left = for { $length } of recording
upload-waiting = { $n ->
    [one] { $n } session waits to be sent
   *[other] { $n } sessions wait to be sent
}
upload-sent = { $n ->
    [one] { $n } session was sent, the lab is verifying it
   *[other] { $n } sessions were sent, the lab is verifying them
}
upload-nothing = everything is sent
upload-trouble = { $n ->
    [one] not working; { $n } session waits. More: F3
   *[other] not working; { $n } sessions wait. More: F3
}
receipt-none = the lab has not confirmed anything yet
receipt-last = the lab confirmed on { $when }

## Client
clients-title = Whom do we record?
clients-hint = Arrows or a digit choose, Enter confirms. The box knows no names, only codes.
clients-none = There are no clients here yet. Press F5: the box gives a new client a code.
clients-no-codes = There is no free code. Connect the box to the internet, or ask the lab for new ones.
clients-line = { $client }   session { $number } of { $wanted }+
scope-short-eeg = EEG
scope-short-audio = sound
scope-short-transcript = transcript
scope-short-sharing = sharing
scope-eeg = EEG: the recording from the headset (no session without it)
scope-audio = sound: the recording of the conversation
scope-transcript = transcript: the text of the conversation without names and places
scope-sharing = sharing: EEG and de-identified text with other researchers

code-title = The code on the client's card
code-hint = Five letters and digits. The keyboard's layout does not matter.
code-too-long = That is no code: a code has five letters and digits. Names are never typed here; what you typed is gone.
code-wrong = There is no such code: it has a mistake in it. Compare it with the card. Names are never typed here; what you typed is gone.
code-unknown = The box does not know such a code. Compare it with the card, or ask the lab. Names are never typed here; what you typed is gone.

new-title = New client
new-code = The client's code. Write it into your own papers: the box will hold no name.
new-code-more = { $n ->
    [one] { $n } code is free
   *[other] { $n } codes are free
}
new-scopes = What did the client sign for? Digits tick and untick.
new-form = Version of the signed form: it is printed at the foot of the page.
new-date = Date on the form: day, month, year.
new-wrong-scopes = Without consent to EEG nothing may be recorded: press 1 if the client signed for it.
new-wrong-form = Type the form's version; it has at least one digit: 2026-1, for example.
new-wrong-date = There can't be such a date. An example: 31.01.2026

confirm-who = Client { $client } · session { $number } of { $wanted }+ · { $mode }
confirm-continue = Continuing the interrupted session: { $client } · { $mode }
confirm-form = form { $form }
confirm-form-date = form { $form } of { $date }
confirm-no-eeg = Nothing may be recorded: there is no consent to EEG. If the client signed for it, tell the lab.
confirm-no-audio = Sound will not be recorded: there is no consent to it. Only EEG will be.
confirm-stands = The consent stands: the client has not withdrawn it
confirm-signed = The client has signed the form and you hold it
confirm-more = { $n } more below
confirm-room-in-person = Only those who consented are in the room
confirm-room-online = Only those who consented are in both rooms

skipped-title = { $client }: the session did not happen. Why?
skipped-hint = The lab needs to know this too. Nothing is recorded.
skipped-noted-title = { $client }: noted
skipped-noted-hint = The lab will know that the session did not happen, and why.
skipped-unsaid = No reason given

## Fit
fit-electrodes = Contact: { $fine } of { $n }
fit-may-start = you may start
fit-hold = holding, { $n } s to go
fit-may-override = you may record as it is: F9
fit-override-in = adjust the electrodes; you may record as it is in { $time }
fit-wait = Recording can start once the contact is good
advice-wait = Waiting for the headset's signal. If it takes long, see that the headset is on.
advice-fine = Every electrode is in its place.
advice-reference = All electrodes are bad at once: adjust the reference, usually on or behind the ear.
advice-headset-none = No headset is chosen. Press Esc, then F4, "Headset and microphone".
advice-headset-connecting = The headset is connecting. Wait a few seconds.
advice-headset-lost = The headset is gone. See that it is on and charged; the box connects it by itself.
advice-no_data = { $label } { $place }: no signal comes. Look at the cable and at the headset itself.
advice-flat = { $label } { $place }: does not touch the skin. Part the hair and press the electrode.
advice-loose = { $label } { $place }: is loose. Press the electrode and tighten the headset.
advice-mains = { $label } { $place }: hum from the mains. Move chargers away, check the ear electrode.
advice-movement = { $label } { $place }: movement or muscles. Ask to relax jaw and forehead.
advice-bridged = { $label } { $place }: is bridged to its neighbour. Dab off gel or water between them.
advice-none = { $label } { $place }: good.
place-Fp1 = (left forehead)
place-Fp2 = (right forehead)
place-AF7 = (left forehead)
place-AF8 = (right forehead)
place-F7 = (left temple)
place-F8 = (right temple)
place-F5 = (forehead, far left)
place-F6 = (forehead, far right)
place-F3 = (above the forehead, left)
place-F4 = (above the forehead, right)
place-F1 = (above the forehead, left of the middle)
place-F2 = (above the forehead, right of the middle)
place-Fz = (above the forehead, middle)
place-T3 = (above the left ear)
place-T4 = (above the right ear)
place-T7 = (above the left ear)
place-T8 = (above the right ear)
place-TP9 = (behind the left ear)
place-TP10 = (behind the right ear)
place-C3 = (top of the head, left)
place-C4 = (top of the head, right)
place-Cz = (top of the head)
place-P3 = (crown, left)
place-P4 = (crown, right)
place-Pz = (crown)
place-P7 = (back of the head, left)
place-P8 = (back of the head, right)
place-PO7 = (back of the head, left)
place-PO8 = (back of the head, right)
place-O1 = (above the nape, left)
place-O2 = (above the nape, right)
place-Oz = (above the nape)
before-title = Questions before the session
sound-no_consent = Microphone: sound is not recorded, there is no consent to it
sound-no_microphone = Microphone: none chosen, sound is not recorded
sound-none = Microphone: none chosen, sound is not recorded
sound-connecting = Microphone: connecting
sound-lost = Microphone: gone. Plug it in again
level-title = Microphone { $channel }
level-heard = heard
level-quiet = quiet
level-silent = SILENT
level-clipping = TOO LOUD

## Recording
live-details = { $elapsed }  ·  { $saved }  ·  lost { $lost }
live-saved = saved { NUMBER($n, minimumFractionDigits: 1, maximumFractionDigits: 1) } s ago
live-saved-never = nothing saved yet
live-paused = Nothing is written: no sound, no EEG, no marks. Space goes on. { $elapsed }
live-quiet = { $n ->
    [0] The first minute, everything is being saved
    [one] { $n } minute, everything is being saved
   *[other] { $n } minutes, everything is being saved
}
contact = Contact
baseline-eyes_open = EYES OPEN
baseline-eyes_closed = EYES CLOSED
baseline-left = Recording. The client sits still and silent. { $time } to go
baseline-alpha = Rest recorded: alpha waves are { $n } times stronger with closed eyes. So it should be.
baseline-no-alpha = Rest recorded: alpha waves hardly changed ({ $n } times). Check the electrodes at the back.
baseline-unknown = Rest recorded.
strip-back = Next mark: { $n } s ago. F7 changes it, a digit sets it.
strip-strength = { $mark }: strength { $strength } (arrows up and down)
mark-running = on
mark-on = { $mark }: begins
mark-off = { $mark }: ends
mark-back = { $n ->
   *[other] { $n } s earlier
}
mark-undone = taken back
mark-undo-hint = Backspace takes it back
marks-none = Marks will stand here. A digit sets one, Backspace takes the last one back.
value-hint = A digit or the arrows, then Enter. The mark's time is when you pressed its key. Recording goes on.
risk-title = Risk card
risk-empty = If a life is in danger, call 112. The lab's phone numbers are still missing.
risk-hint-paused = This is a pause: nothing is written, and no mark is set. The box calls nobody and sends nothing.
risk-hint = Recording goes on. The box calls nobody and sends nothing. The mark "risk" is set; only the lab will see it.
online-said = The therapist leads the session from the other end. These three keys are all you need here. F1: help.

erase-title = Erase the last minutes
erase-minutes = { $n ->
    [1] the last minute
    [one] the last { $n } minute
   *[other] the last { $n } minutes
}
erase-meaning = The lab never receives what is erased. It can't be brought back. { $meanwhile } Whole pieces are erased, so up to a minute more may go.
erase-meanwhile = Recording goes on meanwhile.
erase-meanwhile-paused = The pause goes on meanwhile.
erase-done-title = Erased
erase-done = { $length } of the recording is erased. The lab never receives it. What stays is a note that something was erased here.

stop-title = End the recording?
stop-meaning = Recording goes on while you decide. After the end you say how the session was.
stop-meaning-paused = The pause goes on while you decide. After the end you say how the session was.
stop-saving = Saving the last seconds

discard-title = Delete the whole session
discard-meaning = Everything recorded in this session will be erased; the lab never receives it. It can't be brought back. What stays is a note that there was a session and that it was deleted.
discard-hold = To delete it, hold Enter, or a finger on the bar, for two seconds:

## End of a session
finish-big = SAVED
finish-saved = { $minutes ->
    [0] Saved and sealed: less than a minute, lost { $lost }
    [one] Saved and sealed: { $minutes } minute, lost { $lost }
   *[other] Saved and sealed: { $minutes } minutes, lost { $lost }
}
finish-trouble-big = NOT ALL
finish-trouble = A part of the recording could not be saved. The rest is safe. Tell the lab.
finish-outcome = How did the recording go?
outcome-complete = The session was recorded completely
outcome-partial = Only a part of the session was recorded
outcome-skipped = There was no session to speak of
finish-reason = Why was that so?
finish-sign = All is done. What is left is to sign: then the session goes to the lab.
finish-signs = If you press nothing, the session is signed by itself in { $time }
questions-scale = { $scale }: question { $at } of { $n }. A digit answers, Enter leaves it out

## Sending
uploads-signed-big = SIGNED
uploads-all-big = ALL THERE
uploads-none-big = NO SESSIONS
uploads-some-big = SENDING
uploads-phase-off = Sending is switched off: the box sends once the technician switches it on
uploads-phase-rehearsal = A box for rehearsals sends nothing
uploads-phase-idle = There is nothing to send now
uploads-phase-connecting = Connecting to the lab's server
uploads-phase-asking = Asking what has arrived already
uploads-phase-sending = Sending
uploads-phase-waiting = Waiting for the lab's answer
uploads-phase-recording = A session is going on: sending waits for its end
uploads-waiting = { $n ->
    [one] Waiting to be sent: { $n } session
   *[other] Waiting to be sent: { $n } sessions
}
uploads-sent = { $n ->
    [one] Sent and being verified: { $n } session
   *[other] Sent and being verified: { $n } sessions
}
uploads-verified = { $n ->
    [one] Received and verified: { $n } session
   *[other] Received and verified: { $n } sessions
}
uploads-receipt-none = The lab has not confirmed anything yet
uploads-receipt-last = The lab's last confirmation: { $when }
uploads-left = { $length } to go
uploads-hint = You may switch the box off: it goes on where it was. A session is deleted from the box only when the lab has confirmed that it received it whole.

## Settings
settings-title = Settings
settings-language = Language · Язык
settings-devices = Headset and microphone
settings-wifi = Wi-Fi
settings-brightness = Brightness of the screen
settings-contrast = High contrast
settings-logs = Log for the lab
settings-about = About this box
brightness-title = Brightness of the screen
brightness-hint = Arrows left and right change the brightness at once.
brightness-none = This screen's brightness is changed by its own buttons only.
about-title = About this box
about =
    Box:          { $device }
    Program:      { $software }
    Codebook of marks: version { $codebook }
    Study:        { $study }
    Headset:      { $headset }
    Temperature:  { $heat }

    Recordings are sealed: the box can make them but can't open them.
    Only the lab can open them.
    Fieldrec: an open program, Apache 2.0 licence.
devices-title = Headset and microphone
devices-now = Now: headset { $headset }, microphone { $microphone }
devices-none = none
devices-searching = Searching nearby, which takes some seconds. Switch the headset on.
devices-found = { $n ->
    [one] { $n } device found. Enter chooses.
   *[other] { $n } devices found. Enter chooses.
}
devices-no-bluetooth = Bluetooth does not work: headsets without a cable can't be seen.
devices-line-headset = Headset: { $name }
devices-line-microphone = Microphone: { $name }
devices-paired = known
devices-used = connected
devices-not-in-reach = not seen, switch it on
signal-strong = strong signal
signal-fair = fair signal
signal-weak = weak signal
wifi-title = Wi-Fi
wifi-searching = Looking for networks nearby
wifi-found = Networks nearby: arrows choose, Enter connects.
wifi-none = There is no network in reach.
wifi-away = Wi-Fi is not available on this box.
wifi-password = Password of { $name }. Russian letters become the Latin ones of the same keys. Enter connects.
wifi-joining = Connecting to { $name }
wifi-joined = Connected: { $name }
wifi-refused = { $name }: did not work. Check the password and try again.
wifi-used = in use
wifi-known = password known
wifi-open = no password
logs-title = Log for the lab
logs-what = If the box does not work as it should, a log helps the lab: what the box did and which errors there were. It holds no recordings and no client codes. Plug in a USB stick and press Enter.
logs-ready = { "" }
logs-saving = Saving
logs-no-stick = There is no stick to be seen. Plug it in and press Enter again.
logs-saved = Saved to the stick: { $file }. Send this file to the lab.
logs-failed = It could not be saved. Try another stick.

## Alarms
alarm-more = ({ $n } more)
alarm-seen = seen
alarm-over = { $title }: all right again.
alarm-title-not_saved = Not saving
alarm-title-queue_full = Card too slow
alarm-title-headset_lost = Headset lost
alarm-title-microphone_lost = Microphone lost
alarm-title-microphone_silent = Microphone silent
alarm-title-disk_low = Little space left
alarm-title-box_battery = Box battery low
alarm-title-undervoltage = Weak power
alarm-title-hot = Box hot
alarm-title-microphone_clipping = Too loud
alarm-title-headset_battery = Headset battery low
alarm-title-contact = Bad contact
alarm-not_saved = Nothing is being saved. Pause the conversation. If it lasts a minute, end the recording.
alarm-queue_full = The memory card is too slow, part of the recording is lost. End the recording as soon as it suits.
alarm-headset_lost = The headset is gone: no EEG is recorded. See that the headset is on; the box connects it by itself.
alarm-microphone_lost = The microphone is gone: no sound is recorded. Plug the microphone in again.
alarm-microphone_silent = The microphone is silent. See whether its button is off and whether it is plugged in.
alarm-disk_low = Little space is left. It may not be enough for this session: end it in time.
alarm-box_battery = The box's battery is low. Plug it into the mains.
alarm-undervoltage = The box gets too little power. Use its own power supply.
alarm-hot = The box is too hot. Free it from paper and cloth, take it out of the sun.
alarm-microphone_clipping = Too loud: the sound is distorted. Move the microphone away.
alarm-headset_battery = The headset's battery is low. It may not last the session.
alarm-contact = Bad contact for half a minute. When it suits, press the electrodes on, and then F8.

## Rehearsal
faults-title = Rehearsal: what shall fail?
faults-hint = All devices are simulated. The same digit mends it.
faults-electrodes = Electrodes: bad contact
faults-headset = Headset: lost for 8 seconds
faults-microphone = Microphone: silent

## Help: one page a screen, no scrolling
help-title-home = Help: the start
help-home =
    READY: you may begin. NOT READY: below it says what is missing and what to do. Nothing is recorded on this screen.

    Enter  a new session, or going on with one that was interrupted
    F3     what was sent to the lab and what waits
    F4     settings: headset and microphone, Wi-Fi, brightness, log
    F2     Russian or English, on every screen
    F1     help, on every screen

    Signs: ● good, ◐ fair, ○ bad, ✕ none. If the power failed during a session, going on with it is offered here: what was saved is safe already.
help-title-clients = Help: client and consent
help-clients =
    The box knows no names. A client has a code of five characters, such as K7QX3; the last one checks the others, so clients are hard to mix up.

    Arrows or a digit  choose the client; the one recorded last comes first
    Enter  go on
    F5     a new client: the box gives a free code, you write it down for yourself
    F7     type the code from the card, where the list is long
    F8     a session was planned but did not happen: note why

    The consent is entered once: what was signed for, the form's version and date. After that one Enter is enough. Where the lab knows a narrower consent, it counts.
help-title-confirm = Help: confirmation
help-confirm =
    Enter confirms each line; after the last one the fit of the headset begins. Nothing is recorded yet.

    Enter  yes, it is so
    Backspace  take the last tick back
    F6     session in person or online
    Esc    back to the list

    If even one line is not true, do not confirm it: then nothing may be recorded. Others in the room must have consented too. Children are not recorded.
help-title-fit = Help: fit of the headset
help-fit =
    Nothing is recorded yet. The head is seen from above, the nose is up. ● good contact, ◐ fair, ○ bad, ✕ no signal. Below the picture it says which electrode to adjust first, and how.

    Enter  start: once four fifths of the electrodes were good for ten seconds
    F5     the same, with two minutes of rest first: eyes open, then closed
    F9     record as it is: possible after three minutes, the lab sees a note
    Esc    cancel

    All bad at once: it is the reference electrode, on the ear. Hum: move chargers away. Microphone: speak, the bar should get to its middle.
help-title-recording = Help: recording
help-recording =
    RECORDING is shown while data really arrives on the memory card. NOT SAVING: nothing is being kept, go to the box.

    Digits marks, and F8, F9; "on": a mark is running, the same key ends it
    Backspace  take the last mark back, within ten seconds
    F7     the next mark happened 10, 30 or 60 seconds ago
    Space  pause: nothing is written; again: recording goes on
    F10    erase the last 1, 5 or 15 minutes
    F6     quiet screen: dark and still, the state can be seen
    F9     risk card: phone numbers; the box itself calls nobody
    Esc    end (it asks first)
    An alarm stays until you press Enter. It never holds up a mark.
help-title-online = Help: an online session
help-online =
    The therapist is far away, the client is at the box. There are no marks here: the therapist gives them to the lab later.

    Space  pause: nothing is written; again: recording goes on
    F10    erase the last 1, 5 or 15 minutes
    Esc    end (it asks first)
    F6     quiet screen

    The therapist's voice must come from a loudspeaker, not from headphones: else the box can't hear it. The microphone's bar should move when either of you speaks.
help-title-erase = Help: erasing
help-erase =
    Erase: the lab never receives it.

    Worn flash may keep sealed remains, readable only by someone who takes the card apart and has the lab's private key.

    What stays is a note that something was erased, without content. Whole pieces of up to a minute are erased, so a little more may go. Recording goes on while you erase. To delete a whole session, Enter has to be held for two seconds.
help-title-finish = Help: end of a session
help-finish =
    The recording has ended and is saved. What is left is to say how it went.

    A digit or arrows  answer
    Enter  go on; a question may be left out
    Backspace  to the question before
    Esc    one step back
    F8     delete the whole session

    Once signed, the session goes to the lab by itself. If you press nothing, it is signed after ten minutes, without answers.
help-title-uploads = Help: sending
help-uploads =
    The box sends sessions by itself when there is internet and nothing is recorded. You may switch it off at any moment: it goes on where it was.

    The lab verifies each session and sends a signed receipt. Only then may the box delete the session, and only when it needs the room.

    No internet: no harm, sessions can wait for weeks. To connect to Wi-Fi: F4 at the start, then "Wi-Fi".
help-title-settings = Help: settings
help-settings =
    Headset and microphone: the box looks for them nearby; Enter remembers a headset, and from then on the box connects it by itself. F8 forgets it.

    Wi-Fi: choose a network and type its password: Russian letters become the Latin ones of the same keys.

    Brightness and contrast change at once.

    Log: a file for the lab, if the box does not work as it should. It holds no recordings and no client codes.
help-title-away = Help: no contact
help-away =
    Screen and recording program are separate: the screen may restart and the recording does not notice. Now it does not hear the recording program.

    Take it that nothing is recorded, and wait some seconds: the screen connects again by itself and shows what is really so.

    Everything that was shown as saved is saved. If the recording was cut off, the start offers to go on with the session: for two hours.
help-title-notice = Help: a refusal
help-notice =
    The box refused to do something and said why. Nothing is lost.

    Enter closes the message. If it comes again, read the line "For the technician" to the lab: it says nothing about the client.
help-title-faults = Help: rehearsal
help-faults =
    All devices are simulated: record and break whatever you like. F12 breaks electrodes, headset or microphone, to show how the screen tells it.
