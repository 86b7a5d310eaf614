"""The table of developers' chats: what is debugged, pasted, supposed or told of others gives no fact of the one who
writes, and what he says of himself and his project in the same tone does."""

from __future__ import annotations

NOTHING = [
    # Debugging talk.
    "My name shows up twice in the header.",
    "My name is garbled once it went through latin-1.",
    "My name is lowercased by the serializer.",
    "My email is undefined on the second render.",
    "My email is marked as invalid by the validator.",
    "My phone is not vibrating in the emulator.",
    "My phone is at 3 percent.",
    "My address is cut off after the comma.",
    "My address is a pointer to freed memory.",
    "My username is blank after logout.",
    "My username is already taken, apparently by the seed script.",
    "My birthday is off by one day in Safari.",
    "My age is negative when the year is missing.",
    "My timezone is lost on reload.",
    "My language is reset to the fallback.",
    "My manager is an interface with two methods.",
    "My wife is calling, back in five.",
    "My team is waiting for this fix.",
    "My favorite is not saved.",
    "My kid is a worker thread.",
    "My cat is piping to the wrong file.",
    "My city is truncated to 20 characters in the column.",
    "My employer is null in the response.",
    "I live in the terminal.",
    "I live in Neovim all day.",
    "I live in Slack, so send it there.",
    "I work at the keyboard for ten hours.",
    "I work for the weekend.",
    "I work at a snail's pace today.",
    "I moved to Oslo in the select box and nothing changed.",
    "I moved to Vienna in the mock data and the test went red.",
    "I quit Docker Desktop and started it again.",
    "I quit the debugger.",
    "I'm 17 in the fixture.",
    "I have a variable called cat.",
    "I have two child processes that never exit.",
    "The port is 4000 in the snapshot.",
    "The port is null in the config dump.",
    "The port is 65536 in the log, which can't be.",
    "The timeout is 0 in the mock.",
    "The deadline is 1970-01-01 in the dump.",
    "The release is v0 in the fixture.",
    "The meeting is on Monday in the sample data.",
    "The region is us-east-1 in the tutorial.",
    "In the mock, the limit is 3.",
    "In the screenshot the version is 2.4.",
    "In this example my name is Alice and I live in Boston.",
    "For the test user my email is foo@bar.dev.",
    "The demo is at localhost:3000.",
    "The call is at 0xdeadbeef.",
    # Suppositions and what others say.
    "Once the port is 8081, it works.",
    "When my name is Bob the greeting breaks.",
    "The user types: my name is Eve.",
    "The bot answers that my name is Eve.",
    "It prints My name is Eve and I live in Rome.",
    "The form says my phone is 555-0100.",
    "the port is 5000, isn't it",
    "e.g. my email is a@b.co",
    "As a customer I live in Spain, so the tax is 21 percent.",
    "In the novel I live in Rome and I work at Fiat.",
    "Our hero says: I live in Rome.",
    "// my name is Bob",
    "# the default port is 9000",
    "/* We use Redis here. The port is 6379. */",
    "-- The limit is 50",
    "TODO: the port is 9000",
    # Pasted.
    "Can you answer this mail?\n\nDear team,\nmy name is Carla Rossi and I work at Fiat. The meeting is on Friday.",
    "Look at this ticket\n\nI use Windows 11. My email is c.rossi@fiat.example.",
    "Bug report from a user:\nMy name is Carla. I'm using Edge. The limit is 10.",
    "> I live in Rome\n> I work at Fiat\nwhat do you make of that?",
    "carla 09:12\nI live in Rome. The release is on Friday.\ndan 09:13\nWe use Kafka.",
    "Carla Rossi  9:12 AM\nmy name is carla, I moved to Turin",
    "[09:12] carla: the deadline is 5 May\n[09:13] dan: we use Kafka",
    "The manual says:\n\nThe default port is 9000. Never use tabs.",
    "Release notes of the driver:\n- The default timeout is 10 seconds\n- We use TLS 1.3",
    "From: Carla Rossi <carla@fiat.example>\nSubject: Visit\n\nI live in Turin. My phone is 0664 123456.",
    "---------- Forwarded message ---------\nI work at Fiat. The demo is on Monday.",
    "On Mon, 4 May 2026, Carla wrote:\nI live in Turin. We use Oracle.",
    "Summarise this thread\n\nI'm Carla. I live in Turin. We use Oracle.",
    "Stack Overflow answer:\nI use vim. The port is 3306.",
    "```\nMy name is Carla\n```",
    "This is what the support wrote\n\nThe limit is 100 requests per minute. My name is Tom.",
    "Test data:\nMy name is Max\nThe port is 1",
    "User story: As Eve I live in Rome. I use Firefox.",
    "System prompt: My name is Max. I live in Ohio.",
    "The error message: The port is 9000. My name is not set.",
    # German.
    "Mail vom Kunden:\n\nIch heiße Carla Rossi und wohne in Rom. Ich arbeite bei Fiat.",
    "Im Ticket steht:\nIch wohne in Rom. Wir nutzen Oracle.",
    "Kannst du das beantworten?\n\nSehr geehrte Damen und Herren,\nich heiße Carla und wohne in Rom.",
    "Von: Carla\nBetreff: Umzug\n\nIch wohne in Rom.",
    "Mein Name ist im Export leer.",
    "Mein Name ist kaputt kodiert.",
    "Ich wohne in VS Code.",
    "Ich heiße im Testprofil Max.",
    "Ich wohne im Testprofil in Rom.",
    "Die Besprechung ist am Montag im Testkalender.",
    "Nein, am Dienstag lief der Build noch durch.",
    "Der Nutzer schreibt: ich wohne in Rom.",
    "Das README sagt: Wir nutzen MySQL.",
    # French and Spanish.
    "Mail du client :\n\nBonjour, je m'appelle Carla et j'habite à Rome. Je travaille chez Fiat.",
    "Message reçu :\nJ'habite à Rome. On utilise Oracle.",
    "Mon nom est coupé dans le log.",
    "J'habite à Rome dans le jeu de test.",
    "Correo del cliente:\n\nHola, me llamo Carla y vivo en Roma. Trabajo en Fiat.",
    "El cliente escribe:\nVivo en Roma. Usamos Oracle.",
    "Mi nombre está cortado en el log.",
    "Vivo en Roma en los datos de prueba.",
]
"""Alone, each states nothing."""

_STATED = """
My name is Jonas, and the importer crashes. | Jonas
my name is jonas | jonas
Hi, my name is Ewa Nowak, I maintain the billing service. | Ewa Nowak
My email is jonas.h@example.org, use it for the git config. | jonas.h@example.org
My email is ewa@heron.example | ewa@heron.example
My username is jo42 on the staging box. | jo42
My GitHub handle is @ewa-n | @ewa-n
My phone number is +43 664 1234567. | +43 664 1234567
My phone is a Pixel 8. | a Pixel 8
My address is Hauptstrasse 5, Graz. | Hauptstrasse 5, Graz
My birthday is 12 May. | 12 May
My birthday is on May 3rd, don't forget. | on May 3rd
My age is 34. | 34
My timezone is Europe/Vienna. | Europe/Vienna
My timezone is CET, so schedule accordingly. | CET
My native language is Polish. | Polish
My manager is Petra. | Petra
My manager is called Petra Lang. | Petra Lang
My wife is a nurse. | a nurse
My sister is called Ruth. | Ruth
My dog is called Rex. | Rex
My team is platform. | platform
My favourite editor is vim. | vim
My favorite color is dark green. | dark green
My hobby is sailing. | sailing
My job is backend developer. | backend developer
My job title is staff engineer. | staff engineer
My employer is Siemens. | Siemens
My stack is Django and React. | Django and React
My budget is 4,000 euros. | 4,000 euros
I live in Graz. | Graz
i live in graz | graz
I live in Graz, so use Europe/Vienna. | Graz
I live in New York, working remotely. | New York
I just moved to Linz. | Linz
I'm moving to Vienna next month. | Vienna
I work at Siemens. | Siemens
i work at siemens | siemens
I work for a small bakery. | a small bakery
I work at a startup in Berlin. | a startup in Berlin
I work for the city of Graz. | the city of Graz
I work at the university. | the university
I work as a data engineer. | data engineer
I quit my job at Siemens. | Siemens
I'm 34 years old. | 34
I have two kids. | two kids
I have a dog called Rex. | a dog called Rex
I have a meeting with the auditors on Thursday. | a meeting with the auditors on Thursday
I'm vegetarian. | vegetarian
I'm married to Tom. | married to Tom
I'm allergic to nuts. | allergic to nuts
I'm a backend developer. | a backend developer
I prefer tabs over spaces. | tabs
I like short answers. | short answers
I hate semicolons. | semicolons
I use Neovim for everything. | Neovim for everything
I speak Polish and German. | Polish and German
We use PostgreSQL 15. | PostgreSQL 15
We use SQLite in the tests. | SQLite in the tests
We deploy on Thursdays. | deploy on Thursdays
Let's go with Kafka. | Kafka
We decided to use Terraform. | Terraform
We switched from Jenkins to GitHub Actions. | GitHub Actions
The default port is 8443. | 8443
The port is 8080, the bug is in the parser. | 8080
The staging server is hetzner-3. | hetzner-3
The rate limit for partner Kontor is 50 requests per minute. | 50 requests per minute
The timeout is 30 seconds. | 30 seconds
The API base URL is https://api.heron.example/v2. | https://api.heron.example/v2
The deadline is 5 May. | 5 May
The demo is 29 April, same time. | 29 April
Lena's birthday is May 8, remind me to order a cake. | May 8
Our release is on Thursday. | on Thursday
The retro is at 15:00. | at 15:00
The meeting is in Room 4.12. | in Room 4.12
The dentist appointment is on Monday at 9:30. | on Monday at 9:30
The standup was moved to Tuesday. | Tuesday
The codename is Falcon. | Falcon
The bucket is called heron-logs. | heron-logs
Always run the tests before you commit. | Always run the tests before you commit
Never use emojis in commit messages. | Never use emojis in commit messages
From now on answer in German. | answer in German
Remember that the build needs Node 20. | the build needs Node 20
Set the log level to debug-2. | debug-2
PORT=8080 | 8080
Port: 8080 | 8080
email: jonas@example.org | jonas@example.org
Some facts about me:\\n- My name is Jonas\\n- I live in Graz | Graz
Please remember these rules:\\nAlways use tabs. | Always use tabs
Our setup:\\nWe use PostgreSQL 15. The default port is 8443. | 8443
Backend:\\nWe use Django. | Django
Here's the error:\\n```\\nboom\\n```\\nWe use PostgreSQL 15. | PostgreSQL 15
Hello!\\n\\nI live in Graz. | Graz
I read your mail.\\nMy name is Jonas. | Jonas
> the build is red\\nWe use Bazel. | Bazel
Two things:\\nI live in Graz. The port is 8443. | 8443
Ich heiße Jonas und wohne in Graz. | Graz
Mein Name ist Jonas. | Jonas
Ich arbeite bei Siemens. | Siemens
Ich bin 41 Jahre alt. | 41
Ich habe zwei Kinder. | zwei Kinder
Wir nutzen PostgreSQL. | PostgreSQL
Wir sind von Jenkins auf GitHub Actions gewechselt. | GitHub Actions
Der Termin beim Zahnarzt ist am Montag. | am Montag
Zur Info:\\nIch wohne jetzt in Hamburg. | Hamburg
Hallo!\\nIch heiße Jonas. | Jonas
Je m'appelle Marie et j'habite à Lyon. | Lyon
Je travaille chez Renault. | Renault
On utilise PostgreSQL. | PostgreSQL
Me llamo Ana y vivo en Madrid. | Madrid
Trabajo en Telefónica. | Telefónica
Usamos PostgreSQL. | PostgreSQL
"""
STATED = [(text.replace("\\n", "\n"), wanted) for text, _, wanted in (line.rpartition(" | ") for line in _STATED.strip().splitlines())]
"""What is said, and the object of one of its facts."""

_KEPT = """
My name is Jonas. | My name is mangled in the log output. | Jonas
My name is Jonas. | No, it's Anna in row 3. | Jonas
My name is Jonas. | Actually, it's Peter in the seed data. | Jonas
My email is jonas@example.org. | My email is null after save. | jonas@example.org
My username is jo42. | My username is rejected by the regex. | jo42
My phone number is 0664 1234. | My phone is ringing. | 0664 1234
My manager is Petra. | My manager is a singleton. | Petra
My birthday is 12 May. | My birthday is parsed as 1970. | 12 May
I live in Graz. | I live in VS Code. | Graz
I live in Graz. | I moved to Linz in the dropdown and it crashed. | Graz
I work at Siemens. | I work for a living. | Siemens
I work at Siemens. | I quit Siemens NX because it hung. | Siemens; Siemens NX
I work at Siemens. | I left Siemens out of the list. | Siemens
The port is 8080. | The port is 1234 in the fixture. | 8080
The port is 8080. | The port is now 0 in the mock. | 8080
The deadline is 5 May. | No, it's 6 May in the database. | 5 May
The dentist appointment is on Monday. | No, on Tuesday the test still passed. | on Monday
The dentist appointment is on Monday. | No, it's Tuesday that breaks the parser. | on Monday
The retro is on Thursday. | No, it's Friday in the fixture and the assert wants Monday. | on Thursday
The retro is at 15:00. | Actually it's 14:00 in the log, so the offset is wrong. | at 15:00
The retro is at 15:00. | Wait, it's 09:12 in the second trace. | at 15:00
We use Redis for the queue. | Forget Redis, just use a dict in the test. | Redis for the queue
The default port is 8443. | README of the lib says:\\nThe default port is 9000. | 8443
I have a red car. | I sold the car in the simulation. | a red car
I'm married to Tom. | I'm divorced in the test profile. | married to Tom
Ich heiße Jonas. | Mail vom Kunden:\\n\\nIch heiße Anna Weber. | Jonas
Der Termin beim Zahnarzt ist am Montag. | Nein, am Dienstag lief der Test noch. | am Montag
Je m'appelle Marie. | Mail du client :\\nJe m'appelle Anna. | Marie
Vivo en Madrid. | Correo del cliente:\\nVivo en Roma. | Madrid
"""
_CHANGED = """
The dentist appointment is on Monday. | No, it's Tuesday. | Tuesday
The dentist appointment is on Monday. | No, it's on Tuesday at 9, sorry. | Tuesday at 9
The retro is at 15:00. | Actually it's 14:00. | 14:00
The deadline is 5 May. | No, it's 6 May, my bad. | 6 May
The rate limit for partner Kontor is 50 per minute. | Correction: Kontor's limit is 80 per minute. | 80 per minute
The port is 8080. | The port is now 9090. | 9090
My email is jonas@example.org. | My email is now jo@heron.example. | jo@heron.example
My name is Jonas. | Actually my name is Jonas Huber. | Jonas Huber
I live in Graz. | I moved to Linz. | Linz
I work at Siemens. | I quit Siemens. | Siemens
I live in Graz. | No, I live in Wien. | Wien
My manager is Petra. | My manager is now Sven. | Sven
"""


def _rows(table: str) -> list[tuple[str, str, str]]:
    found = []
    for line in table.strip().splitlines():
        before, after, left = (part.strip().replace("\\n", "\n") for part in line.split(" | "))
        found.append((before, after, left))
    return found


KEPT = _rows(_KEPT)
"""What was said, what is said then, and the only object that holds."""
CHANGED = _rows(_CHANGED)
