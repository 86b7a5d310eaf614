"""Talks in which what was just said is corrected, and talks that only look like it.

Rows of CORRECTED: turns, each behind a slash | what the last one puts in the place of what the first one says ("" for nothing). Rows of
UNCHANGED: turns of which the last changes nothing. "A:" in front of a turn: the assistant's.
"""

from __future__ import annotations

_CORRECTED = r"""
The meeting is on Monday. / They moved it to Tuesday. | tuesday
The meeting is on Monday. / That was wrong: Tuesday. | tuesday
The meeting is on Monday. / It's on Tuesday, actually. | tuesday
The meeting is on Monday. / The meeting got cancelled. | cancelled
My flight is on March 3. / Sorry, March 4 I meant. | march 4
The demo is on Tuesday. / They've pushed it back to Thursday. | thursday
The demo is on Tuesday. / It got moved to Thursday. | thursday
The demo is on Tuesday. / It has been moved to Thursday. | thursday
The demo is on Tuesday. / She rescheduled it to Friday. | friday
The demo is on Tuesday. / We had to move it to Friday. | friday
The demo is on Tuesday. / We moved it to Friday. | friday
The demo is on Tuesday. / It's not on Tuesday, it's on Friday. | friday
The demo is on Tuesday. / I got the day wrong, it's Friday. | friday
The demo is on Tuesday. / I mixed that up - it's Friday. | friday
The demo is on Tuesday. / Wrong day, sorry: Friday. | friday
The demo is on Tuesday. / I meant to say Friday. | friday
The demo is on Tuesday. / Friday, I mean. | friday
The demo is on Tuesday. / Friday, not Tuesday. | friday
The demo is on Tuesday. / *Friday | friday
The demo is on Tuesday. / I meant Friday, sorry. | friday
The demo is on Tuesday. / Make that Friday. | friday
The demo is on Tuesday. / Nope, Friday. | friday
The demo is on Tuesday. / That's changed to Friday now. | friday
The demo is on Tuesday. / It turns out it's Friday. | friday
The demo is on Tuesday. / The demo isn't on Tuesday but on Friday. | friday
The demo is on Tuesday. / Update: the demo is on Friday. | friday
The demo is on Tuesday. / The demo has been called off. | called off
The demo is on Tuesday. / The demo had to be cancelled. | cancelled
The demo is on Tuesday. / They cancelled the demo. |
The demo is on Tuesday. / It's cancelled. | cancelled
The demo is on Tuesday. / It was cancelled. | cancelled
The demo is on Tuesday. / The demo was postponed to Friday. | friday
The demo is on Tuesday at 3 pm. / It starts at 4 pm, not 3 pm. | 4 pm
The port is 8080. / Sorry, 8081 I meant. | 8081
The port is 8080. / That was wrong: 8081. | 8081
The port is 8080. / It's 8081, actually. | 8081
The port is 8080. / I mistyped, it's 8081. | 8081
My sister is called Anna. / Sorry, her name is Anne. | anne
My sister is called Anna. / It's spelled Anne, actually. | anne
My name is Jon. / Actually it's John, with an h. | john
I live in Berlin. / That's not true anymore, I live in Hamburg. | hamburg
I live in Berlin. / Not any more, we moved to Hamburg. | hamburg
I work at Acme. / I've left Acme, I'm at Globex now. | globex
We use PostgreSQL. / Scratch that, we use MySQL. | mysql
The deadline is May 5. / They extended it to May 12. | may 12
The deadline is May 5. / The deadline slipped to May 12. | may 12
The budget is 5000 euros. / They raised it to 6000 euros. | 6000
The budget is 5000 euros. / It was increased to 6000 euros. | 6000
Das Treffen ist am Montag. / Sie haben es auf Dienstag verschoben. | dienstag
Das Treffen ist am Montag. / Das war falsch: Dienstag. | dienstag
Das Treffen ist am Montag. / Es ist doch am Dienstag. | dienstag
Das Treffen ist am Montag. / Das Treffen fällt aus. | fällt aus
Das Treffen ist am Montag. / Sorry, Dienstag meinte ich. | dienstag
Das Treffen ist am Montag. / Ich meinte Dienstag. | dienstag
Das Treffen ist am Montag. / Es wurde auf Dienstag verschoben. | dienstag
Das Treffen ist am Montag. / Nicht Montag, sondern Dienstag. | dienstag
Das Treffen ist am Montag. / Das Treffen wurde abgesagt. | abgesagt
La réunion est lundi. / Ils l'ont déplacée à mardi. | mardi
La réunion est lundi. / C'était faux : mardi. | mardi
La réunion est lundi. / C'est mardi, en fait. | mardi
La réunion est lundi. / La réunion a été annulée. | annulée
La réunion est lundi. / Pardon, je voulais dire mardi. | mardi
La réunion est lundi. / Elle a été reportée à mardi. | mardi
La réunion est lundi. / Mardi, pas lundi. | mardi
La reunión es el lunes. / La han movido al martes. | martes
La reunión es el lunes. / Me equivoqué: es el martes. | martes
La reunión es el lunes. / Es el martes, en realidad. | martes
La reunión es el lunes. / La reunión se canceló. | canceló
La reunión es el lunes. / Perdón, quería decir el martes. | martes
La reunión es el lunes. / Se ha aplazado al martes. | martes
La reunión es el lunes. / No es el lunes, sino el martes. | martes
The workshop is on May 4. / They shifted it to May 11. | may 11
The workshop is on May 4. / Our teacher had to move it to May 11. | may 11
The workshop is on May 4. / I wrote the wrong date, it's May 11. | may 11
The workshop is on May 4. / My mistake: May 11. | may 11
The workshop is on May 4. / It has been brought forward to May 2. | may 2
The workshop is on May 4. / Anna just moved it to May 11. | may 11
The workshop is on May 4. / It was moved from May 4 to May 11. | may 11
The workshop is on May 4. / It's actually on May 11. | may 11
The workshop is on May 4. / That's not right. It's May 11. | may 11
The workshop is on May 4. / Oh no, they called it off. |
The workshop is on May 4. / The workshop won't take place. |
The workshop is on May 4. / We've cancelled the workshop. |
The workshop is on May 4. / It's been cancelled unfortunately. | cancelled
The workshop is on May 4. / Wait, that was wrong. It's on May 11. | may 11
I have an appointment with Dr. Lee on Friday. / They moved it to Monday. | monday
I have an appointment with Dr. Lee on Friday. / My appointment got cancelled. | cancelled
I have an appointment with Dr. Lee on Friday. / It got cancelled. | cancelled
Our team meeting is at 9 am. / It's at 10 am now. | 10 am
Our team meeting is at 9 am. / They pushed it to 10 am. | 10 am
Our team meeting is at 9 am. / 10 am, sorry. | 10 am
Our team meeting is at 9 am. / 10 am I mean. | 10 am
Our team meeting is at 9 am. / Not 9 am, 10 am. | 10 am
The rent is 900 euros. / They raised it to 950 euros. | 950
The rent is 900 euros. / They've increased it to 950 euros. | 950
The timeout is 30 seconds. / We reduced it to 20 seconds. | 20 seconds
The timeout is 30 seconds. / I got that wrong: 20 seconds. | 20 seconds
The timeout is 30 seconds. / I meant to write 20 seconds. | 20 seconds
The timeout is 30 seconds. / 20 seconds, not 30. | 20
My flight is at 9:00. / It was delayed until 11:30. | 11:30
My dog is called Rex. / Sorry, his name is Max. | max
My boss is called Karin. / It's Carin, sorry. | carin
I live in Graz. / That's outdated, I live in Linz now. | linz
I live in Graz. / That's no longer true. I moved to Linz. | linz
We use Redis. / Typo, we use Valkey. | valkey
Der Termin ist am 3. Mai. / Der Termin wurde auf den 5. Mai verschoben. | 5. mai
Der Termin ist am 3. Mai. / Wir haben ihn auf den 5. Mai verlegt. | 5. mai
Der Termin ist am 3. Mai. / Ich habe mich vertan: am 5. Mai. | 5. mai
Der Termin ist am 3. Mai. / Nein, am 5. Mai. | 5. mai
Der Termin ist am 3. Mai. / Er fällt leider aus. | fällt leider aus
Der Termin ist am 3. Mai. / Er wurde abgesagt. | abgesagt
Der Termin ist am 3. Mai. / Am 5. Mai, nicht am 3. Mai. | 5. mai
Die Prüfung ist um 9 Uhr. / Es ist doch um 10 Uhr. | 10 uhr
Die Prüfung ist um 9 Uhr. / Um 10 Uhr meinte ich. | 10 uhr
Die Prüfung ist um 9 Uhr. / Das stimmt nicht, um 10 Uhr. | 10 uhr
Le rendez-vous est jeudi. / On l'a reporté à vendredi. | vendredi
Le rendez-vous est jeudi. / Il a été avancé à mercredi. | mercredi
Le rendez-vous est jeudi. / Je me suis trompé, c'est vendredi. | vendredi
Le rendez-vous est jeudi. / Finalement, c'est vendredi. | vendredi
Le rendez-vous est jeudi. / Il est annulé. | annulé
Le rendez-vous est jeudi. / Vendredi, je voulais dire. | vendredi
Le rendez-vous est jeudi. / Ils l'ont annulé. | annulé
La cita es el jueves. / La cita se ha cancelado. | cancelad
La cita es el jueves. / La cambiaron al viernes. | viernes
La cita es el jueves. / Al final es el viernes. | viernes
La cita es el jueves. / Es el viernes, no el jueves. | viernes
La cita es el jueves. / Se ha cancelado. | cancelad
La cita es el jueves. / Quise decir el viernes. | viernes
La cita es el jueves. / Eso era incorrecto: el viernes. | viernes
The concert is on June 2. / They have postponed it to June 9. | june 9
The concert is on June 2. / I was wrong, it's June 9. | june 9
The concert is on June 2. / June 9, I meant to say. | june 9
The concert is on June 2. / It's been pushed to June 9. | june 9
The concert is on June 2. / Unfortunately the concert was cancelled. | cancelled
The budget is 300 dollars. / My boss lowered it to 250 dollars. | 250
The budget is 300 dollars. / It was cut to 250 dollars. | 250
Das Konzert ist am Freitag. / Es wurde leider auf Samstag verschoben. | samstag
Das Konzert ist am Freitag. / Ich meinte natürlich Samstag. | samstag
Le concert est vendredi. / Le concert est annulé. | annulé
El concierto es el viernes. / Lo han aplazado al sábado. | sábado
"""
_UNCHANGED = r"""
The meeting is on Monday. / Got this mail: they moved it to Tuesday.
The meeting is on Monday. / > They moved it to Tuesday.
The meeting is on Monday. / Tom said they moved it to Tuesday.
The meeting is on Monday. / What if they moved it to Tuesday?
The meeting is on Monday. / They moved it to Tuesday?
The meeting is on Monday. / If they moved it to Tuesday, I could come.
The meeting is on Monday. / They wanted to move it to Tuesday.
The meeting is on Monday. / They almost moved it to Tuesday.
The meeting is on Monday. / They should move it to Tuesday.
The meeting is on Monday. / I wish they'd moved it to Tuesday.
The meeting is on Monday. / They never moved it to Tuesday.
The meeting is on Monday. / They moved it to the next column.
The meeting is on Monday. / I moved it to /tmp/old.
The meeting is on Monday. / We moved the file to Tuesday's folder.
The meeting is on Monday. / A: Do you want a reminder? / No.
The meeting is on Monday. / A: Shall I prepare slides? / No, on Tuesday the room is full.
The meeting is on Monday. / A: When is the retro? / It's on Tuesday.
The meeting is on Monday. / A: Which day works for the dentist? / Tuesday.
The meeting is on Monday. / A: When do you fly? / Tuesday, I think.
The meeting is on Monday. / A: What's the capital of Spain? / Madrid.
The meeting is on Monday. / Today is Tuesday, actually.
The meeting is on Monday. / It's Tuesday already, time flies.
The meeting is on Monday. / It's Tuesday.
The meeting is on Monday. / The party got cancelled.
The meeting is on Monday. / My subscription got cancelled.
The meeting is on Monday. / The request got cancelled after 30 seconds.
The meeting is on Monday. / The build was cancelled.
The meeting is on Monday. / Can the meeting be cancelled?
The meeting is on Monday. / What happens when the meeting got cancelled?
The meeting is on Monday. / The log says: the meeting got cancelled.
The meeting is on Monday. / In my novel the meeting got cancelled.
The meeting is on Monday. / `they moved it to Tuesday`
The meeting is on Monday. / assert meeting.day == "Tuesday"
The meeting is on Monday. / That was wrong: the parser failed.
The meeting is on Monday. / That was wrong: 5 tests still fail.
The meeting is on Monday. / Sorry, I was at lunch.
The meeting is on Monday. / Sorry, Tuesday was hectic.
The meeting is on Monday. / Actually, Tuesday was nice.
The meeting is on Monday. / I meant that in a good way.
The meeting is on Monday. / I meant well.
The meeting is on Monday. / I meant the other file.
The port is 8080. / That was wrong: 3 of 5 were red.
The port is 8080. / It took 90 seconds, actually.
The port is 8080. / They moved it to 2 lines below.
The port is 8080. / Sorry, 5 minutes, I'm on the phone.
The port is 8080. / A: How many tests fail? / 12.
The port is 8080. / A: How many tests fail? / It's 12, actually.
The port is 8080. / It's 30 degrees today, actually.
My sister is called Anna. / Her friend is called Bea.
My sister is called Anna. / A: And your dog? / His name is Rex.
My sister is called Anna. / Sorry, her dog is called Bea.
My son is called Tim. My daughter is called Eva. / His teacher is called Bob.
I live in Berlin. / Tom moved to Hamburg.
I live in Berlin. / We moved the servers to Hamburg.
I work at Acme. / My brother is at Globex now.
The budget is 5000 euros. / They raised it to a new level.
The budget is 5000 euros. / They raised 6000 euros for charity.
The demo is on Tuesday. The party is on Friday. / They raised it to 6000 euros.
The review is on Tuesday. / A: I booked the room for the review on Wednesday. / Thanks, great.
The review is on Tuesday. / A: It's on Wednesday, actually.
The review is on Tuesday. / He said: "They moved it to Friday."
The review is on Tuesday. / Subject: Review\nThey moved it to Friday.\nBest, Tom
Das Treffen ist am Montag. / Tom sagt, sie haben es auf Dienstag verschoben.
Das Treffen ist am Montag. / Wenn sie es auf Dienstag verschoben haben, komme ich.
Das Treffen ist am Montag. / Haben sie es auf Dienstag verschoben?
Das Treffen ist am Montag. / Am Dienstag fällt der Unterricht aus.
Das Treffen ist am Montag. / Das war falsch: der Test schlug fehl.
Das Treffen ist am Montag. / A: Soll ich erinnern? / Nein, Dienstag reicht mir.
Das Treffen ist am Montag. / Ich meinte das nicht böse.
Das Treffen ist am Montag. / Heute ist Dienstag.
La réunion est lundi. / Il dit qu'ils l'ont déplacée à mardi.
La réunion est lundi. / S'ils l'ont déplacée à mardi, je viens.
La réunion est lundi. / Ils l'ont déplacée à mardi ?
La réunion est lundi. / C'était faux : le test a échoué.
La réunion est lundi. / Aujourd'hui, c'est mardi.
La réunion est lundi. / A: Un rappel ? / Non, merci.
La reunión es el lunes. / Dicen que la han movido al martes.
La reunión es el lunes. / ¿La han movido al martes?
La reunión es el lunes. / Si la han movido al martes, voy.
La reunión es el lunes. / Me equivoqué: el test falló.
La reunión es el lunes. / Hoy es martes.
La reunión es el lunes. / Se canceló la suscripción.
The workshop is on May 4. / I bought a ticket for the opera. They moved it to May 11.
The workshop is on May 4. / My laptop repair was due today. It got cancelled.
The workshop is on May 4. / I'm reading about the moon landing. It was moved to July 20.
The workshop is on May 4. / A: Want me to add a hotel? / No, May 3 is too early.
The workshop is on May 4. / A: Should the hotel start on May 3? / No, May 2.
The workshop is on May 4. / A: Is your birthday in June? / No, May 11.
The workshop is on May 4. / A: Which date do you want for the reminder? / Sorry, May 3 I meant.
The workshop is on May 4. / A: Should I search for trains? / No, thanks, that was wrong.
The workshop is on May 4. / Write a sentence with "They moved it to May 11."
The workshop is on May 4. / Translate to German: They moved it to May 11.
The workshop is on May 4. / Is this correct English? They moved it to May 11.
The workshop is on May 4. / From: Eva\nSubject: Your order\n\nIt was cancelled.
The workshop is on May 4. / ```\nthey moved it to May 11\n```
The workshop is on May 4. / Suppose they moved it to May 11.
The workshop is on May 4. / I hope they don't move it to May 11.
The workshop is on May 4. / They could have moved it to May 11.
The workshop is on May 4. / They threatened to cancel it.
The workshop is on May 4. / They would have cancelled it.
The workshop is on May 4. / They haven't cancelled it.
The workshop is on May 4. / It wasn't cancelled.
The workshop is on May 4. / It was not moved to May 11.
The workshop is on May 4. / It's May 2 today.
The workshop is on May 4. / It's May already.
The workshop is on May 4. / She called it off-putting.
The workshop is on May 4. / My neighbor said it got cancelled.
The workshop is on May 4. / The Wikipedia page says they moved it to 1969.
The workshop is on May 4. / That's wrong.
The workshop is on May 4. / Wrong number: 12.
The workshop is on May 4. / Typo: fixed in line 4.
The workshop is on May 4. / In the test, they moved it to May 11.
The workshop is on May 4. The exam is on May 6. / No, it's May 7.
The workshop is on May 4. / That was wrong: expected May 11 but the parser gave May 4.
The workshop is on May 4. / What I meant is that I'm tired.
The workshop is on May 4. / Sorry, I got the train wrong, it left at 9.
The limit is 50. / A: How old are you? / It's 34, actually.
The limit is 50. / A: What's 6 times 7? I'd say 41. / No, 42.
The limit is 50. / A: Pick a number between 1 and 10? / 7, sorry.
The limit is 50. / The bar is way too high. They raised it to 80.
The limit is 50. / A: How many items are in the list, 7? / Actually 8.
The limit is 50. The quota is 60. / No, 55.
My name is Lena. I live in Bonn. / A: Where was your sister born? / Sorry, Ulm I meant.
My cat is called Momo. / A: What's the author's name? / Sorry, her name is Ada.
My cat is called Momo. / Her vet is great. Sorry, her name is Ada.
I work at Acme. / A: Is the client Globex? / No, Initech.
I live in Oslo. / We moved to the next chapter.
I live in Oslo. / We moved to Vue.
I live in Oslo. / Typo, we moved to React.
Der Termin ist am 3. Mai. / A: Soll ich das Hotel ab dem 2. Mai buchen? / Nein, am 1. Mai.
Der Termin ist am 3. Mai. / A: Wann fährst du los? / Am 2. Mai meinte ich.
Der Termin ist am 3. Mai. / Ich habe ein Paket bestellt. Es wurde auf den 5. Mai verschoben.
Der Termin ist am 3. Mai. / Er hätte ihn auf den 5. Mai verlegt.
Der Termin ist am 3. Mai. / Sie wollten ihn auf den 5. Mai verlegen.
Der Termin ist am 3. Mai. / Übersetze: Er wurde abgesagt.
Der Termin ist am 3. Mai. / Es ist doch Montag, oder?
Der Termin ist am 3. Mai. / Das war falsch: er hat es nicht gesagt.
Le rendez-vous est jeudi. / A: L'hôtel, c'est pour mercredi ? / Non, mardi.
Le rendez-vous est jeudi. / J'attends un colis. Il a été reporté à vendredi.
Le rendez-vous est jeudi. / Il n'est pas annulé.
Le rendez-vous est jeudi. / Traduis : on l'a reporté à vendredi.
La cita es el jueves. / A: ¿El hotel es para el miércoles? / No, el martes.
La cita es el jueves. / Espero un paquete. Se ha aplazado al viernes.
La cita es el jueves. / No se ha cancelado.
La cita es el jueves. / Traduce: la cambiaron al viernes.
The concert is on June 2. / The plumber called. He moved it to June 9.
The concert is on June 2. / We moved it to staging.
The concert is on June 2. / Can you move it to June 9?
The concert is on June 2. / Should we cancel it?
The concert is on June 2. / I called it a day.
The concert is on June 2. / They set it to music.
The concert is on June 2. / It's over now.
The concert is on June 2. / It's Friday now, finally.
The concert is on June 2. / It's late now.
The concert is on June 2. / A: What day is your flight? / June 9, sorry.
The concert is on June 2. / A: Which day is the interview? / It's June 9, actually.
The concert is on June 2. / It's complicated, actually.
The concert is on June 2. / They cancelled the flight.
The concert is on June 2. / She cancelled on me again.
The concert is on June 2. / Sorry, Friday was a mess.
The port is 8080. / It's 3 now.
The port is 8080. / I set it to 5 minutes.
The port is 8080. / We raised it to production.
The port is 8080. / A: What's the error count? / It's 17 now.
The port is 8080. / The counter is broken. It was set to 9.
My name is Eva. / It's called Redis.
My name is Eva. / Sorry, it's called Kafka.
My name is Eva. / A: What is your cat called? / Sorry, Minka I meant.
I live in Rome. / A: Which city is the client in? / Actually it's Paris.
Das Konzert ist am Freitag. / Das Buch ist toll. Es wurde auf den 5. Mai verschoben.
Das Konzert ist am Freitag. / A: Wann kommt dein Bruder? / Am Samstag eigentlich.
Le concert est vendredi. / A: Quand arrive ton frère ? / Samedi, en fait.
El concierto es el viernes. / A: ¿Cuándo llega tu hermano? / El sábado, en realidad.
The demo is on Monday. / No, it's fine.
The demo is on Monday. / No, it's Tuesday today.
The demo is on Monday. / No, it's raining.
The demo is on Monday. / no, it's me
The demo is on Monday. / no its fine
The demo is on Monday. / no its ok
The demo is on Monday. / no its raining
The demo is on Monday. / No - it's fine.
The demo is on Monday. / No - not now.
The demo is on Monday. / no, is it Tuesday?
The demo is on Monday. / no, its Tuesday?
The demo is on Monday. / A: What day is it today? Monday? / no, its Tuesday
The demo is on Monday. / A: Is the retro on Monday, too? / No, it's on Tuesday.
The demo is on Monday. / no its tuesday already
The demo is on Monday. / No, Anna's is on Tuesday.
The demo is on Monday. / No, hers is Tuesday.
The demo is on Monday at nine. / No, it's at home.
The demo is on Monday at nine. / No, it's at risk.
The demo is on Monday at nine. / No, it's at the office.
The demo is on Monday at nine. / No, it's one of those days.
The demo is on Monday at nine. / No, it's two people at most.
The demo is on Monday at nine. / no, its logo is blue
The demo is on Monday. / no, its Tuesday slot was lost
The demo is on Monday. / No, it's not.
The demo is on Monday. / no its not tuesday
The demo is on Monday. / No, if it's Tuesday I can't come.
The demo is on Monday. / No, it's Tuesday in Tokyo already.
The demo is on Monday. / No, it's Tuesday that I mind.
The demo is on Monday. / No, I think it's Tuesday.
The demo is on Monday. / No, maybe it's Tuesday.
My phone number is 555 1234. / no, it's 5
My phone number is 555 1234. / no, it's 10 pm
My phone number is 555 1234. / no, it's Tuesday
The port is 8080. / no its tuesday
The port is 8080. / no, its 3 of 5 that fail
Das Treffen ist am Montag. / nein, alles gut
Das Treffen ist am Montag. / Nein, heute ist Dienstag.
Das Treffen ist am Montag. / Nein - danke.
Das Treffen ist am Montag. / nee, um Gottes willen
Das Treffen ist am Montag um neun. / nee, um die Ecke
Das Treffen ist am Montag. / nein, am Dienstag?
Das Treffen ist am Montag. / Nein, am Dienstag kann ich nicht.
Das Treffen ist am Montag. / Nein, am Anfang war es gut.
The demo is on Monday at nine. / No, its at ten percent.
The demo is on Monday at nine. / No, it's at ten people now.
The demo is on Monday. / no, at ten I'm in bed
The demo is on Monday at nine. / no, ten of them
The demo is on Monday at nine. / no, ten people
The demo is on Monday at nine. / no, one
The demo is on Monday at nine. / A: How many people come? / no idea, ten
The demo is on Monday at nine. / A: How many people come? / No, it's ten.
The demo is on Monday at nine. / A: Is your dentist at nine, too? / No, it's at ten.
The demo is on Monday at nine. / No, it's at two thirds.
The demo is on Monday at nine. / No, it's half.
The demo is on Monday at nine. / No, it's half past caring.
The demo is on Monday at nine. / No, it's ten to one that she comes.
The demo is on Monday at nine. / No, it's at ten already.
The demo is on Monday at nine. / no, its ten now
The demo is on Monday at nine. / It's ten o'clock.
The demo is on Monday at nine. / No, it's ten o'clock already!
The demo is on Monday. / No, it's Tuesday: the bins go out.
The demo is on Monday. / No: the bins go out on Tuesday.
The demo is on Monday. / No, it's Tuesday's leftovers.
The demo is on Monday. / no — my birthday is on Tuesday
The demo is on Monday. / No - my birthday is on Tuesday.
The demo is on Monday. / no, the weather is bad on Tuesday
The demo is on Monday. / no thats fine
The demo is on Monday. / no thats Tom
The demo is on Monday. / No, that's Tom's.
The port is 8080. / No, it's 3: a, b and c.
The port is 8080. / No, its 3 am
The port is 8080. / No, it's 2 minutes from here.
The port is 8080. / no, it's 555 1234
The demo is on Monday. / No, hers is on Tuesday, as I said.
The demo is on Monday. / No, Tom's is on Tuesday at ten.
Das Treffen ist am Montag um neun. / Nein, um zehn Prozent.
Das Treffen ist am Montag um neun. / nein, um zehn Euro
Das Treffen ist am Montag um neun. / nein, um zehn bin ich müde
Das Treffen ist am Montag um neun. / nein, um zehn geht nicht
Das Treffen ist am Montag um neun. / nee, es ist schon zehn Uhr
Das Treffen ist am Montag um neun. / Nein, es ist erst halb acht.
Das Treffen ist am Montag um neun. / nein, es ist erst 8 Uhr
Das Treffen ist am Montag um neun. / Nein, ist es schon zehn Uhr?
Das Treffen ist am Montag um neun. / ne Pizza am Dienstag wäre gut
Das Treffen ist am Montag. / Nein, Dienstag ist Feiertag.
Das Treffen ist am Montag. / Nein, das ist meine Schwester.
Das Treffen ist am Montag. / nein, die ist toll
Das Treffen ist am Montag. / Nein, vielleicht am Dienstag.
Das Treffen ist am Montag. / A: Ist die Prüfung am Montag? / nein, am Dienstag
Das Treffen ist am Montag. / A: Ist heute Montag? / nein, Dienstag
The rehearsal is on Sunday. / nah its good
The rehearsal is on Sunday. / no its just me
The rehearsal is on Sunday. / No — thanks.
The rehearsal is on Sunday. / no, its saturday today
The rehearsal is on Sunday. / No, it's Saturday night fever.
The rehearsal is on Sunday at six. / No, it's at work.
The rehearsal is on Sunday at six. / no its at least ten people
The rehearsal is on Sunday at six. / No, it's ten of us.
The rehearsal is on Sunday at six. / No, it's at seven degrees.
The rehearsal is on Sunday. / no its members are nice
The rehearsal is on Sunday. / A: Is today Friday? / no its saturday
The rehearsal is on Sunday. / A: Is your dentist on Friday? / No - Saturday.
The rehearsal is on Sunday. / No, his is on Saturday.
The rehearsal is on Sunday. / no, was it saturday?
The rehearsal is on Sunday. / No, perhaps it's Saturday.
The rehearsal is on Sunday. / No, Tom says it's Saturday.
The rehearsal is on Sunday. / No, it's a Saturday that I need off.
The rehearsal is on Sunday. / no its cold
The rent is 700 euros. / no its 3 pm
The rent is 700 euros. / no, its too much
The rent is 700 euros. / no its friday
My locker number is 118. / no its fine
My locker number is 118. / no, its broken
My locker number is 118. / No, it's 4 pm now.
Der Kurs ist am Mittwoch. / nein, passt schon
Der Kurs ist am Mittwoch. / ne, danke
Der Kurs ist am Mittwoch. / ne, heute ist donnerstag
Der Kurs ist am Mittwoch. / Nein, am Donnerstag habe ich Sport.
Der Kurs ist am Mittwoch um acht. / Nein, um acht schlafe ich noch.
Der Kurs ist am Mittwoch um acht. / nein, um drei Leute
Der Kurs ist am Mittwoch. / nein, ist es donnerstag?
Der Kurs ist am Mittwoch. / A: Ist heute Mittwoch? / nein, donnerstag
The recital is on Thursday at seven. / no its lovely
The recital is on Thursday at seven. / no, its on me
The recital is on Thursday at seven. / no its at the theatre
The recital is on Thursday at seven. / No, it's two hours long.
The recital is on Thursday at seven. / No, it's eight songs.
The recital is on Thursday at seven. / No, it's the eighth time.
The recital is on Thursday at seven. / no, it's at eight that the bus goes
The recital is on Thursday at seven. / No, Friday is my day off.
The recital is on Thursday at seven. / no, on friday I work
The recital is on Thursday at seven. / No - Friday is full.
The recital is on Thursday at seven. / No, it's Friday that worries me.
The recital is on Thursday at seven. / No, it's Friday somewhere.
The recital is on Thursday at seven. / no its a friday thing
The recital is on Thursday at seven. / A: Is the gym open on Thursday? / no, on friday
The recital is on Thursday at seven. / A: What time is it? / no clue, its eight
The recital is on Thursday at seven. / A: What time is it? Seven? / No, it's eight o'clock.
The recital is on Thursday at seven. / A: Shall I wake you at seven? / No, at eight.
The recital is on Thursday at seven. / A: Do you want it at seven degrees? / No, at eight.
The recital is on Thursday at seven. / Is it Friday, no?
The recital is on Thursday at seven. / no, my wife's is on friday
My fax number is 030 4455 66. / no its 3 pages
My fax number is 030 4455 66. / no, it's 12 30
My fax number is 030 4455 66. / No, it's 5 May.
The fee is 30 euros. / no its 5 pm
The fee is 30 euros. / No, it's 3 of us.
The fee is 30 euros. / no its 20 minutes away
The pin is 4411. / no its fine
The pin is 4411. / No, it's 20 degrees.
Die Probe ist am Donnerstag um sieben. / nee, keine Lust
Die Probe ist am Donnerstag um sieben. / nein, um sieben schon
Die Probe ist am Donnerstag um sieben. / Nein, um acht kommt Anna.
Die Probe ist am Donnerstag um sieben. / nein, um acht Kilo
Die Probe ist am Donnerstag um sieben. / ne, am freitag bin ich weg
Die Probe ist am Donnerstag um sieben. / nein, das ist freitag anders
Die Probe ist am Donnerstag um sieben. / Nein, es ist schon Freitag.
Die Probe ist am Donnerstag um sieben. / Nein, Annas ist am Freitag.
Die Probe ist am Donnerstag um sieben. / A: Wie spät ist es? / nein, acht Uhr
Die Probe ist am Donnerstag um sieben. / nein, die Probe für Anna ist am Freitag
Das Treffen ist am Montag. / A: Kommst du am Montag? / nein, am Dienstag
"""


def _talk(row: str) -> list[str]:
    return [said.strip().replace("\\n", "\n") for said in row.split(" / ")]


CORRECTED = [(_talk(talk), left.strip()) for talk, _, left in (row.rpartition("|") for row in _CORRECTED.strip().splitlines())]
UNCHANGED = [_talk(row) for row in _UNCHANGED.strip().splitlines()]
