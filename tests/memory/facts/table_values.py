"""Talks in which a thing gets another value, and talks that only look like it.

Rows of CHANGED: turns, each behind a slash | a value that holds at the end | one that holds no more. Rows of KEPT: turns | the values that
hold after them. "A:" in front of a turn: the assistant's, "T:": a tool's, "@Name:": who sent it.
"""

from __future__ import annotations

_CHANGED = """
# a value without its unit, a thing by less than its name
The disk quota is 40 GB per user. / A: Ok. / Sorry, the disk quota is 60. | 60 | 40
The mail server quota is 40 GB. / A: Ok. / Sorry, the quota is 60. | 60 GB | 40 GB
The write limit is 90 calls per hour. / A: Ok. / Oops, limit is 95. | 95 calls per hour | 90
The delay is 30 seconds. / Sorry, 40. | 40 seconds | 30 seconds
The grant application deadline is Friday. / A: Ok. / Correction: the deadline is Monday. | Monday | Friday
# one word in the place of another
My horse is called Bruno. / A: Nice. / I mean Bruna, not Bruno. | Bruna | Bruno
My horse is called Bruno. / A: What's his breed? / I mean Bruna, not Bruno. | Bruna | Bruno
My aunt is called Elsa. / A: Nice. / It's Ilse not Elsa. | Ilse | Elsa
The cluster is called zeus. / A: Ok. / I meant hera, not zeus. | hera | zeus
The cluster is called zeus. / A: Ok. / zeus -> hera | hera | zeus
The cluster is called zeus. / A: Ok. / Not zeus but hera. | hera | zeus
My boss is called Karla. / A: Ok. / Carla instead of Karla, sorry. | Carla | Karla
# from when it holds
The gym is 25 euros. / The gym is 30 euros from October. | 30 euros from October | 25 euros
The tuition is 800 pounds a term. / From September the tuition is 900 pounds a term. | 900 pounds | 800 pounds
The shift starts at 8:00. / Starting next week the shift starts at 7:30. | 7:30 | 8:00
The fee is 30 euros. / The fee goes up to 35 euros from May. | 35 euros | 30 euros
# where somebody is now, behind where he is no more
I live in Bonn. / I sold the flat and now live in Ghent. | Ghent | Bonn
# verbs of change
The audit is on Friday. / We pushed the audit to Monday. | Monday | Friday
The audit is on Friday. / Moved to Monday. | Monday | Friday
@Ann: My audit is on Friday. / @Bob: They moved it to Monday. | Monday | Friday
The training budget is 9,000 euros. / The training budget got cut to 7,500 euros. | 7,500 euros | 9,000 euros
The fare is 3 euros. / The fare went up to 4 euros. | 4 euros | 3 euros
The staff count is 30. / The staff count dropped to 26. | 26 | 30
My allowance is 50 pounds. / My dad raised the allowance to 60 pounds. | 60 pounds | 50 pounds
The pool size is 5. / Let's bump the pool size to 8. | 8 | 5
The shift is 2 hours. / They cut the shift to 90 minutes. | 90 minutes | 2 hours
The fine is 20 euros. / The city has increased the fine to 25 euros. | 25 euros | 20 euros
The kiln is at 7. / Pushed kiln to 8. | 8 | at 7
The vault code is kiwi77. / Scratch that, kiwi78. | kiwi78 | kiwi77
My dentist is Dr. Moll. / A: Ok. / Sorry, Mohl not Moll. | Mohl | Dr. Moll
The yacht is called Alba. / The yacht was renamed to Brisa. | Brisa | Alba
# what serves a purpose
Our worker runs on Node 18. / We upgraded to Node 20. | Node 20 | Node 18
I use bash. / I upgraded to fish. | fish | bash
We use MySQL for invoices. / We migrated invoices to PostgreSQL. | PostgreSQL | MySQL
We use Jenkins for deployments. / We've switched deployments over to GitLab CI. | GitLab CI | Jenkins
We use Redis for sessions. / Sessions were moved to Valkey. | Valkey | Redis
I use Firefox. / I've moved everything over to Brave. | Brave | Firefox
The backend uses Flask. / We moved the backend to FastAPI. | FastAPI | Flask
# a thing that moved, and no product
The gate is C3. / The gate was moved to D14. | D14 | C3
My seat is 12A. / They moved my seat to 14F. | 14F | 12A
The loader is in load.py. / I moved the loader to input.py. | input.py | load.py
# ages
My niece is 3. / My niece just turned 4. | 4 | 3
My nephew Leo is 11 years old. / Leo turned 12 last week. | 12 | 11
My son is 12. / My son turns 13 on Sunday. | 13 | 12
# what somebody eats
I'm vegan. / I started eating cheese again. | cheese | vegan
I'm vegetarian. / I'm eating chicken again. | chicken | vegetarian
# said in haste, with a remark, or in part: a day keeps its time, a time its day
The demo is on Monday. / no, its Tuesday | Tuesday | Monday
The demo is on Monday. / no its tuesday | tuesday | Monday
The demo is on Monday. / No - it's Tuesday. | Tuesday | Monday
The demo is on Monday. / No, it's Tuesday at ten. | Tuesday at ten | Monday
The demo is on Monday at nine. / No, it's at ten. | Monday at ten | nine
The demo is on Monday. / No, it's on Tuesday this time. | Tuesday | Monday
The standup is on Tuesday at nine. / No, it's Wednesday, as I said. | Wednesday at nine | Tuesday
The standup is on Tuesday at nine. / No, it's Wednesday: the standup is on Wednesday. | Wednesday | Tuesday
The launch is on 3 May. / No, it's 5 May: the launch is on 5 May. | 5 May | 3 May
My phone number is 555 1234. / no, it's 555 1235 | 555 1235 | 555 1234
The standup is on Tuesday at nine. / No, it's Wednesday. | Wednesday at nine | Tuesday
My dentist appointment is on Friday at half past two. / Nope, its at three. | Friday at three | half past two
The audit is on Thursday. / nope - friday | friday | Thursday
The exam is on 12 June. / no thats wrong, its the 14th | the 14th | 12 June
The review is on Wednesday. / no: thursday | thursday | Wednesday
The port is 8080. / no its 8081 | 8081 | 8080
The budget is 4000 euros. / No - it's 5000 euros. | 5000 euros | 4000
The deadline is on Friday. / No, it's Monday, I just checked. | Monday | Friday
The deadline is on Friday. / No, it's Monday – I looked it up. | Monday | Friday
The workshop is on Monday at 10:00. / no, its 11:00 | Monday at 11:00 | 10:00
Das Treffen ist am Montag. / nein, am Dienstag | Dienstag | Montag
Das Treffen ist am Montag. / Nein - Dienstag. | Dienstag | Montag
Das Treffen ist am Montag um neun. / nee, um zehn | Montag um zehn | neun
Das Treffen ist am Montag um neun Uhr. / Nein, es ist um zehn Uhr. | Montag um zehn | neun
Das Treffen ist am Montag. / nein es ist dienstag | dienstag | Montag
Die Demo ist am Montag. / Nein, sie ist am Dienstag um zehn. | Dienstag um zehn | Montag
Die Prüfung ist am 3. Mai. / nee, am 5. Mai | 5. Mai | 3. Mai
Das Treffen ist am Montag. / Nein, am Dienstag, wie gesagt. | Dienstag | Montag
Mein Zahnarzttermin ist am Montag. / nö, dienstag | dienstag | Montag
The demo is on Monday. / My rent is 700 euros. / no, its 750 euros | 750 euros | 700 euros
The demo is on Monday. / The exam is on Tuesday. / no, its Friday | Friday | Tuesday
The exam is on Tuesday. / The port is 8080. / no its 8081 | 8081 | 8080
Der Kurs ist am Mittwoch. / Das Treffen ist am Montag. / nein, am Dienstag | Dienstag | Montag
The demo is on Monday. / Sorry - it's Tuesday. | Tuesday | Monday
The demo is on Monday. / No—it's Tuesday. | Tuesday | Monday
The demo is on Monday. / no no, it's tuesday | tuesday | Monday
The demo is on Monday. / no, tuesday, as i said | tuesday | Monday
The demo is on Monday at nine. / No, it's at half past nine. | Monday at half past nine | at nine
The demo is on Monday at nine. / It's at ten, not nine. | Monday at ten | nine
The demo is on Monday at nine. / No, the demo is at ten. | Monday at ten | nine
The demo is on Monday at nine. / Sorry, the demo is on Tuesday. | Tuesday at nine | Monday
The demo is on Monday at nine. / No, it's Tuesday, my calendar was wrong. | Tuesday at nine | Monday
The demo is on Monday at nine. / No, it's Tuesday: the demo moved. | Tuesday at nine | Monday
The exam is on Wednesday. / The demo is on Monday. / No, it's Tuesday: the exam is on Tuesday. | Tuesday | Wednesday
The exam is on Wednesday at eight. / The rent is 700 euros. / No, it's at ten. | Wednesday at ten | eight
Das Treffen ist am Montag um 9 Uhr. / nein, am Dienstag | Dienstag um 9 Uhr | Montag
Das Treffen ist am Montag um neun. / Nein, um halb zehn. | Montag um halb zehn | neun
Das Treffen ist am Montag um neun. / Nein, das Treffen ist um zehn. | Montag um zehn | neun
The rehearsal is on Sunday. / nah its saturday | saturday | Sunday
The rehearsal is on Sunday at six. / no its at seven | Sunday at seven | six
The inspection is on Tuesday. / No — Thursday. | Thursday | Tuesday
The inspection is on Tuesday at eight. / no, it's thursday, like I told you | thursday at eight | Tuesday
My interview is on Wednesday at 2 pm. / no, its 3 pm | Wednesday at 3 pm | 2 pm
My interview is on Wednesday at 2 pm. / No, that's Thursday at 3 pm. | Thursday at 3 pm | Wednesday
The wedding is on 8 August. / no, it's the 9th of August | 9th of August | 8 August
The kick-off is on Monday. / No, it's Friday this week. | Friday | Monday
The rent is 700 euros. / no its 750 euros | 750 euros | 700
My locker number is 118. / no, its 181 | 181 | 118
My phone number is 0171 55512. / No, it's 0171 55521. | 0171 55521 | 0171 55512
The match is on Saturday. / No, it's Sunday: the match is on Sunday. | Sunday | Saturday
The concert is on Friday. / No, it's on Saturday (I misread the ticket). | Saturday | Friday
The concert is on Friday at eight. / No, it's at nine, sorry about that. | Friday at nine | eight
The timeout is 30 seconds. / nope its 60 seconds | 60 seconds | 30
Der Kurs ist am Mittwoch. / ne, am donnerstag | donnerstag | Mittwoch
Der Kurs ist am Mittwoch um acht. / Nein, um neun. | Mittwoch um neun | acht
Der Kurs ist am Mittwoch um 18 Uhr. / nein, um 19 uhr | Mittwoch um 19 | 18
Die Abgabe ist am Freitag. / Nein: Montag. | Montag | Freitag
Die Abgabe ist am Freitag. / Nein, die ist am Montag. | Montag | Freitag
The recital is on Thursday at seven. / no, its friday | friday at seven | Thursday
The recital is on Thursday at seven. / no, its at eight, sorry | Thursday at eight | seven
The recital is on Thursday at seven. / Nope - Friday. | Friday at seven | Thursday
The recital is on Thursday at seven. / No, it's on Friday at eight, as I told you. | Friday at eight | Thursday
The recital is on Thursday. / no that's wrong, its on friday | friday | Thursday
The recital is on Thursday. / ah no, its friday | friday | Thursday
The recital is on Thursday. / Oh no, it's Friday! | Friday | Thursday
The recital is on Thursday. / no, actually its friday | friday | Thursday
The recital is on Thursday. / No, it's Friday, I mixed it up. | Friday | Thursday
The recital is on Thursday. / No, it's Friday; sorry. | Friday | Thursday
The recital is on Thursday. / no it's friday this time | friday | Thursday
The recital is on Thursday. / No, it's Friday. I checked the programme. | Friday | Thursday
The recital is on Thursday at 7 pm. / no, 8 pm | Thursday at 8 pm | 7 pm
The recital is on Thursday at 7 pm. / No - at 8 pm. | Thursday at 8 pm | 7 pm
My surgery is on 4 March. / no its the 5th of march | 5th of march | 4 March
My surgery is on March 4. / No, March 5: the surgery is on March 5. | March 5 | March 4
My fax number is 030 4455 66. / No, it's 030 4455 67. | 030 4455 67 | 030 4455 66
My fax number is 030 4455 66. / no - 030 4455 67 | 030 4455 67 | 030 4455 66
The fee is 30 euros. / no its 35 | 35 euros | 30 euros
The fee is 30 euros. / No — 35 euros. | 35 euros | 30 euros
The pin is 4411. / no its 4412 | 4412 | 4411
Die Probe ist am Donnerstag um sieben. / nee, am freitag | freitag um sieben | Donnerstag
Die Probe ist am Donnerstag um sieben. / Nein, um acht, sorry. | Donnerstag um acht | sieben
Die Probe ist am Donnerstag um sieben. / nein – um halb acht | Donnerstag um halb acht | sieben
Die Probe ist am Donnerstag. / Ach nein, am Freitag. | Freitag | Donnerstag
Die Probe ist am Donnerstag. / nein, sie ist am freitag | freitag | Donnerstag
Die Probe ist am Donnerstag. / Nein, Freitag um acht. | Freitag um acht | Donnerstag
Die Probe ist am Donnerstag. / Nein, am Freitag, ich hab nachgesehen. | Freitag | Donnerstag
Die Probe ist am Donnerstag um 19 Uhr. / nein, 20 uhr | 20 uhr | 19 Uhr
Die OP ist am 4. März. / nein, am 5. märz | 5. märz | 4. März
The demo is on Monday at nine. / No, it's Tuesday. The demo is on Tuesday. | Tuesday at nine | Monday
The demo is on Monday at nine. / No, it's on Tuesday afternoon. | Tuesday afternoon | Monday
The demo is on Monday afternoon. / No, it's Tuesday. | Tuesday afternoon | Monday
My check-up is on Tuesday at 9:15. / no - its 9:45 | Tuesday at 9:45 | 9:15
My check-up is on Tuesday at 9:15. / Wrong, its on wednesday. | wednesday at 9:15 | Tuesday
My check-up is on Tuesday. / hm no, it's Thursday | Thursday | Tuesday
Der Flug ist am Samstag um halb sechs. / nein, um viertel vor sechs | Samstag um viertel vor sechs | halb sechs
# what colour a thing has
My sofa is grey. / Actually, my sofa is dark green. | dark green | grey
Our hall is white. / Our hall is yellow now. | yellow | white
My tractor is a Fendt. / Actually, my tractor is a Deutz. | Deutz | Fendt
# German
Die PIN ist kiwi77. / Quatsch, die PIN ist kiwi78. | kiwi78 | kiwi77
Mein Honorar ist 60 Euro. / Ab Januar ist mein Honorar 70 Euro. | 70 Euro | 60 Euro
Die Abnahme ist am 4. Mai. / Die Abnahme wurde um eine Woche auf den 11. Mai verschoben. | 11. Mai | 4. Mai
Wir verwenden React für das Portal. / Das Portal läuft jetzt auf Svelte. | Svelte | React
Die Gebühr ist 12 Euro. / Die Gebühr ist ab Oktober 15 Euro. | 15 Euro | 12 Euro
Das Zeitlimit ist 30 Minuten. / A: Gut. / Sorry, das Limit ist 40. | 40 Minuten | 30 Minuten
Der Etat beträgt 9.000 Euro. / Der Etat wurde auf 7.500 Euro gekürzt. | 7.500 Euro | 9.000 Euro
Der Zuschuss ist 200 Euro. / Die Stadt hat den Zuschuss auf 250 Euro erhöht. | 250 Euro | 200 Euro
Der Preis ist 3 Euro. / Der Preis steigt auf 4 Euro. | 4 Euro | 3 Euro
Mein Pferd heißt Bruno. / Ich meine Bruna, nicht Bruno. | Bruna | Bruno
Mein Pferd heißt Bruno. / Nicht Bruno, sondern Bruna. | Bruna | Bruno
Die Abnahme ist am Freitag. / Wir haben die Abnahme auf Montag verschoben. | Montag | Freitag
Das Limit ist 50 km/h. / Korrektur: das Limit ist 30. | 30 | 50
Die Abnahme ist am Freitag. / Abnahme auf Montag verlegt. | Montag | Freitag
Die Abnahme ist am Freitag. / Verschoben auf Montag. | Montag | Freitag
Mein Sohn ist 8. / Mein Sohn ist gestern 9 geworden. | 9 | 8
Mein Sohn ist 8. / Mein Sohn wird morgen 9. | 9 | 8
Mein Sofa ist grau. / Nein, mein Sofa ist dunkelgrün. | dunkelgrün | grau
Wir nutzen MySQL für die Rechnungen. / Wir haben die Rechnungen auf PostgreSQL umgestellt. | PostgreSQL | MySQL
Ich bin Vegetarierin. / Ich esse wieder Fisch. | Fisch | Vegetarierin
"""
_KEPT = """
# other things, others' things
The read limit is 100. The write limit is 50. / Sorry, the limit is 80. | 100 / 50
The rate limit is 500 requests per minute. / Sorry, the limit is 10 MB. | 500
The rate limit is 500 requests per minute. / Sorry, the rate is 5 percent. | 500
The seat limit is 5 per booking. / Sorry, the upload limit is 800. | 5 per booking / 800
The fare is 3 euros. / Sam's fare went up to 4 euros. | 3 euros
The budget is 9000 euros. / Their budget was cut to 7000 euros. | 9000 euros
The gym is 25 euros. / The sauna is 10 euros from October. | 25 euros / 10 euros
@Ann: My rent is 600 euros. / @Bob: My rent is 700 euros. | 600 / 700
@Ann: My sofa is grey. / @Bob: Actually, my sofa is green. | grey / green
@Ann: I work at Acme. / @Bob: Globex, not Acme. | Acme
@Ann: I'm vegan. / @Bob: I started eating meat again. | vegan
My niece is 3. / Her cousin turned 4 yesterday. | 3
My niece is 3. / My nephew turned 4 yesterday. | 3 / 4
We use MySQL for invoices and Redis for sessions. / We migrated sessions to Valkey. | MySQL
We use PostgreSQL for invoices. / We migrated the archive to MySQL. | PostgreSQL
My horse is called Bruno. / My other horse is called Bruna. | Bruno / Bruna
The audit is on Friday. / The other team pushed their audit to Monday. | Friday
The budget is 9000 euros. / My aunt raised her budget to 9500 euros. | 9000 euros
The yacht is called Alba. / The dinghy was renamed to Brisa. | Alba
My tractor is green. / My tractor is a Fendt. | green / Fendt
My queue size is 6. / The batch size grew to 800. | 6
The fee is 30 euros. / My cousin's landlord raised the fee to 35 euros. | 30 euros
The fee is 30 euros. / Nobody raised the fee to 35 euros. | 30 euros
The fee is 30 euros. / The fee goes up to 35 euros. | 30 euros
The fee is 30 euros. / The fee comes to 35 euros. | 30 euros
The fee is 30 euros. / Her club raised the fee to 35 euros. | 30 euros
My uncle's birthday is on May 3. / Correction: my birthday is on June 4. | May 3 / June 4
The visa deadline is Friday at 10. / Sorry, the deadline is 5 pm for the grant. | Friday at 10
@Ann: My audit is on Friday. / @Bob: Moved to Monday. | Friday
@Ann: My vault code is kiwi77. / @Bob: Scratch that, kiwi78. | kiwi77
My bus is green. / A: What colour should the banner be? / Blue, not green. | green
My bus is green. / Make it blue, not green. | green
I live in Graz. / A: Where is the fair? / Linz, not Graz. | Graz
I live in Graz. / A: Wo ist die Messe? / Linz, nicht Graz. | Graz
The delay is 30 seconds. / A: I changed 4 files. / No, 3. | 30 seconds
The delay is 30 seconds. / A: Take the first or the second. / Actually 2. | 30 seconds
The cluster is called zeus. / Traffic:\\nzeus -> hera\\nhera -> leto | zeus
I use Vim. / I switched to Emacs but went back the same day. | Vim
# what is not so
I live in Bonn. / I want to move out and live in Ghent now. | Bonn
I live in Bonn. / If I quit my job and live in Ghent now, I am broke. | Bonn
I work at Norvell. / Zoe left Castell and works at Norvell now. | Norvell
The fare is 3 euros. / The fare went up to 4 euros, then fell again. | 3 euros
The fare is 3 euros. / They raised the fare to 4 euros but reversed it after the protests. | 3 euros
The fare is 3 euros. / The fare went up to 4 euros when we lived in Graz. | 3 euros
The fare is 3 euros. / The fare went up to 4 euros in 2011. | 3 euros
The audit is on Friday. / Tom pushed the audit to Monday in his planner by accident. | Friday
My son is 12. / My son turned 9 when we moved to Graz. | 12
My son is 12. / My son turned 6 last year. | 12
My son is 12. / My son turned 4 three years ago. | 12
The fare is 3 euros. / If the fare goes up to 4 euros I'll walk. | 3 euros
The fare is 3 euros. / The fare would go up to 4 euros. | 3 euros
The fare is 3 euros. / Did the fare go up to 4 euros? | 3 euros
The fare is 3 euros. / The fare almost went up to 4 euros. | 3 euros
The fare is 3 euros. / They say the fare went up to 4 euros. | 3 euros
The fare is 3 euros. / In my novel the fare went up to 4 euros. | 3 euros
The audit is on Friday. / Should we push the audit to Monday? | Friday
The audit is on Friday. / Tom wants to push the audit to Monday. | Friday
The audit is on Friday. / I pushed the audit branch to origin. | Friday
The audit is on Friday. / Pushed to main. | Friday
My son is 12. / When my son turns 13 we'll throw a party. | 12
My son is 12. / My son turned 180 degrees on his board. | 12
I'm vegan. / I'd never start eating meat again. | vegan
I'm vegan. / I started eating fake meat again. | vegan
I'm vegan. / I started eating peanut butter again. | vegan
I'm vegetarian. / It's vegan, not vegetarian. | vegetarian
My boss is called Karla. / Ask Carla, not Karla. | Karla
My boss is called Karla. / Is it Carla, not Karla? | Karla
The cluster is called zeus. / In the code: zeus -> hera -> leto | zeus
My sofa is grey. / My sofa is broken. | grey
My sofa is grey. / My sister's sofa is green. | grey
My sofa is grey. / My screen is green. | grey
The vault port is 8080. / I changed the vault port to 9090 and it still fails, so I reverted it. | 8080
# what an assistant or a tool says
The fare is 3 euros. / A: The fare went up to 4 euros. | 3 euros
The fare is 3 euros. / T: The fare went up to 4 euros. | 3 euros
The delay is 30 seconds. / A: How many retries? / Sorry, 5. | 30 seconds
# German
Der Preis ist 3 Euro. / Der Preis wurde auf 4 Euro erhöht und dann wieder gesenkt. | 3 Euro
Der Preis ist 3 Euro. / Die Stadt hat den Preis auf 4 Euro erhöht, aber der Rat hat das rückgängig gemacht. | 3 Euro
Mein Sohn ist 8. / Mein Sohn wurde 3. | 8
Der Preis ist 3 Euro. / Wenn der Preis auf 4 Euro steigt, kündige ich. | 3 Euro
Der Preis ist 3 Euro. / Vielleicht wird der Preis auf 4 Euro erhöht. | 3 Euro
Das Budget ist 5000 Euro. / Ihr Budget wurde auf 3000 Euro gekürzt. | 5000 Euro
Mein Sohn ist 8. / Wenn mein Sohn 9 wird, feiern wir. | 8
Mein Sohn ist 8. / Der Sohn von Eva ist gestern 9 geworden. | 8
Mein Sofa ist grau. / Mein Sofa ist kaputt. | grau
Ich bin Vegetarier. / Mein Bruder isst wieder Fleisch. | Vegetarier
Mein Pferd heißt Bruno. / Frag Bruna, nicht Bruno. | Bruno
"""
_NOTHING = """
My input is a DataFrame.
My screen is black.
I'm back on Windows.
My hands are blue.
My eyes are red.
My badge is a Monday.
My wrapper is a Singleton.
I went over to Firefox.
I'm eating cake again.
I eat lunch again these days.
I moved the check to onSubmit.
I upgraded to v7.2 and it broke.
Meine Laune ist grau.
Ich esse wieder Kuchen.
Ich bin am Samstag 5 geworden.
Das Kind ist 3 Tage krank.
Der Akku ist 80 % voll.
Meine Lampe ist rot.
Die Temperatur steigt auf 30 Grad.
The temperature dropped to 5 degrees.
They raised the flag to 3 metres.
Not today, but tomorrow.
It's great, not bad at all.
"""


def _rows(table: str) -> list[list[str]]:
    return [[part.strip() for part in line.split("|")] for line in table.strip().splitlines() if not line.startswith("#")]


CHANGED = [(turns.split(" / "), now, before) for turns, now, before in _rows(_CHANGED)]
KEPT = [(turns.replace("\\n", "\n").split(" / "), values.split(" / ")) for turns, values in _rows(_KEPT)]
NOTHING = _NOTHING.strip().splitlines()
