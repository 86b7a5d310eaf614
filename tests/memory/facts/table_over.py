"""Talks in which something ends by what does not name it: notice given, a couple parted, a tool gone, a thing sold; and in which a second
place, day or use stands beside the first.

Rows: turns, each behind a slash | what is known to hold, each behind a slash, as verb: object; - for nothing.
"""

from __future__ import annotations

_OVER = r"""
I work at Siemens. / I quit. | -
I work at Siemens. / I quit last week. | -
I work at Siemens. / I handed in my notice. | -
I work at Siemens. / I handed in my notice yesterday. | -
I work at Siemens. / I've given notice. | -
I work at Siemens. / I gave my notice at Siemens. | -
I work at Siemens. / I gave notice at Siemens. | -
I work at Siemens. / I handed in my resignation. | -
I work at Siemens. / I put in my two weeks' notice. | -
I work at Siemens. / I gave my two weeks notice on Friday. | -
I work at Siemens. / I quit my job. | quit: my job
I work as a nurse. / I quit. | -
I work at Siemens. / I quit smoking. | works at: Siemens / quit: smoking
I work at Siemens. / I gave notice on the flat. | works at: Siemens
I work at Siemens. / I gave notice to my landlord. | works at: Siemens
I work at Siemens. / I gave notice that the meeting moves. | works at: Siemens
I work at Siemens. / I quit the gym. | works at: Siemens / quit: the gym
I work at Siemens. / I quit, I can't get this to compile. | works at: Siemens
I work at Siemens. / I quit! | works at: Siemens
I work at Siemens. / I didn't quit. | works at: Siemens
I work at Siemens. / I almost quit yesterday. | works at: Siemens
I work at Siemens. / I quit in 2019. | works at: Siemens
I work at Siemens. / I might give notice. | works at: Siemens
I work at Siemens. / I noticed a bug. | works at: Siemens
I work at Siemens. / Siemens gave notice. | works at: Siemens
I work at Siemens. / My landlord gave notice. | works at: Siemens
I work at Siemens. / I gave the tenant notice. | works at: Siemens
I work at Siemens. / I got notice of the outage. | works at: Siemens
My girlfriend is called Anna. / I broke up with Anna. | -
My boyfriend is Tom. / I broke up with Tom. | -
My boyfriend is Tom. / Tom and I broke up. | -
My boyfriend is Tom. / We broke up. | -
My boyfriend is Tom. / I broke up with my boyfriend. | -
I have a boyfriend called Tom. / I broke up with Tom. | -
I have a girlfriend. / My girlfriend and I broke up. | -
I'm engaged to Tom. / I broke up with Tom. | -
I'm engaged to Tom. / We called off the engagement. | -
I'm married to Tom. / Tom and I separated. | -
I'm married to Tom. / I broke up with Jim. | is: married to Tom
My brother is Tom. / I broke up with Tom. | is: Tom
My boss is called Tom. / I broke up with Tom. | is called: Tom
My boyfriend is Tom. / I broke up with Max. | is: Tom
My boyfriend is Tom. / My sister broke up with Max. | is: Tom
My sister's boyfriend is Tom. / She broke up with Tom. | is: Tom
My boyfriend is Tom. / The meeting broke up. | is: Tom
My boyfriend is Tom. / We broke up the monolith. | is: Tom
My boyfriend is Tom. / I almost broke up with Tom. | is: Tom
My boyfriend is Tom. / We broke up into groups. | is: Tom
My boyfriend is Tom. / I broke up with Tom last year. | -
My boyfriend is Tom. / Tom broke up with me. | -
My boyfriend is Tom. / My ex broke up with me. | is: Tom
My boyfriend is Tom. / Tom and Anna broke up. | is: Tom
I'm married to Tom. / We got divorced. | is: divorced
We use Jenkins. / Jenkins is gone. | -
We use Jenkins. / We dropped Jenkins. | -
We use Jenkins. / We've dropped Jenkins. | -
We use Jenkins. / We dropped Jenkins last month. | -
We use Jenkins. / We retired Jenkins. | -
We use Jenkins. / Jenkins has been retired. | -
We use Jenkins. / Jenkins has been decommissioned. | -
We use Jenkins. / We decommissioned Jenkins. | -
We use Jenkins. / We got rid of Jenkins. | -
We use Jenkins. / We no longer use Jenkins. | -
We use Jenkins. / We stopped using Jenkins. | -
We use Jenkins. / Jenkins is no longer used. | -
We use Jenkins. / Jenkins is no longer in use. | -
We use Jenkins. / We don't have Jenkins any more. | -
We use Jenkins. / The Jenkins job is gone. | uses: Jenkins
We use Jenkins. / Jenkins is down. | uses: Jenkins
We use Jenkins. / Jenkins is broken. | uses: Jenkins
We use Jenkins. / We dropped Jenkins support. | uses: Jenkins
We use Jenkins. / We dropped the Jenkins user. | uses: Jenkins
We use Jenkins. / Jenkins died. | uses: Jenkins
We use Jenkins. / We restarted Jenkins. | uses: Jenkins
We use Jenkins. / Jenkins will be gone next year. | uses: Jenkins
We use Jenkins. / Is Jenkins gone? | uses: Jenkins
We use Jenkins. / If Jenkins is gone we are lost. | uses: Jenkins
We use Jenkins. / The error is gone. | uses: Jenkins
We use Postgres. / We dropped the database. | uses: Postgres
We use Postgres. / We dropped Postgres from the diagram. | uses: Postgres
We use Redis. / Redis is gone for good. | -
We use Redis for caching. / Redis is gone. | -
We use Redis for caching and queues. / We dropped Redis for caching. | uses: Redis for caching and queues
Our CTO is Maria. / Maria is gone. | is: Maria
I have a boat. / I sold the boat in March. | sold: the boat in March
I have a boat. / I sold my boat. | sold: my boat
I have a boat. / I sold the boat. | sold: the boat
I have a boat. / I sold the boat last March. | sold: the boat last March
I have a boat. / I sold the boat to my neighbour. | sold: the boat to my neighbour
I have a boat. / I sold the boat for 5000 euros. | sold: the boat for 5000 euros
I have a boat. / We sold the boat on Monday. | sold: the boat on Monday
I have a boat. / The boat is sold. | -
I have a boat. / I sold the boat trailer. | has: a boat / sold: the boat trailer
I have a boat. / I sold my brother's boat. | has: a boat / sold: my brother's boat
I live in Germany. / I live in Berlin. | lives in: Germany / lives in: Berlin
I live in Berlin. / I live in Germany. | lives in: Berlin / lives in: Germany
I live in the US. / I live in Boston, Massachusetts. | lives in: the US / lives in: Boston, Massachusetts
I live in Germany. / I live in Paris. | lives in: Paris
I live in Germany. / I live in Quedlinburg. | lives in: Germany / lives in: Quedlinburg
I live in Germany. / I moved to Quedlinburg. | lives in: Quedlinburg
I live in Germany. / I moved to Berlin. | lives in: Germany / lives in: Berlin
I live in Germany. / I live in France. | lives in: France
I live in Berlin. / I live in Hamburg. | lives in: Hamburg
I live in Berlin. / I live in France. | lives in: France
I live in Berlin. / I live in Berlin, Germany. | lives in: Berlin / lives in: Berlin, Germany
I live in Berlin, Germany. / I live in Berlin. | lives in: Berlin, Germany / lives in: Berlin
I live in Berlin, Germany. / I live in Munich. | lives in: Munich
I live in Berlin. / I live in Munich, Germany. | lives in: Munich, Germany
I live in California. / I live in Oakland. | lives in: California / lives in: Oakland
I live in California. / I live in Boston. | lives in: Boston
I live in Bavaria. / I live in Munich. | lives in: Bavaria / lives in: Munich
I live in Germany. / I live in Bavaria. | lives in: Germany / lives in: Bavaria
I live in Europe. / I live in Spain. | lives in: Europe / lives in: Spain
I live in Europe. / I live in Madrid. | lives in: Europe / lives in: Madrid
I live in Europe. / I live in Japan. | lives in: Japan
I live in the UK. / I live in Scotland. | lives in: the UK / lives in: Scotland
I live in the UK. / I live in Leeds. | lives in: the UK / lives in: Leeds
I live in England. / I live in Edinburgh. | lives in: Edinburgh
Anna lives in Norway. / Anna lives in Bergen. | lives in: Norway / lives in: Bergen
I live in Germany. / No, I live in Berlin. | lives in: Berlin
I live in Germany. / Actually, I live in Vienna. | lives in: Vienna
Ich wohne in Deutschland. / Ich wohne in Berlin. | lives in: Deutschland / lives in: Berlin
Vivo en España. / Vivo en Madrid. | lives in: España / lives in: Madrid
J'habite en France. / J'habite à Lyon. | lives in: France / lives in: Lyon
I'm from Germany. / I'm from Hamburg. | is from: Germany / is from: Hamburg
I live in Georgia. / I live in Atlanta. | lives in: Georgia / lives in: Atlanta
I live in Georgia. / I live in Tbilisi. | lives in: Georgia / lives in: Tbilisi
I live in New York. / I live in Brooklyn. | lives in: New York / lives in: Brooklyn
We use Redis for caching. / We use Memcached for caching. | uses: Memcached for caching
We use Redis for caching. / We use Redis for queues. | uses: Redis for caching / uses: Redis for queues
We use Frobnicator for caching. / We use Wobbler for caching. | uses: Wobbler for caching
We use Frobnicator for caching. / We also use Wobbler for caching. | uses: Frobnicator for caching / uses: Wobbler for caching
We use Redis for caching. / We use Valkey for sessions. | uses: Redis for caching / uses: Valkey for sessions
I use Frob for notes. / I use Wob for notes. | uses: Wob for notes
I use Obsidian for notes. / I use Notion for work notes. | uses: Obsidian for notes / uses: Notion for work notes
We use Redis as a cache. / We use Memcached as a cache. | uses: Memcached as a cache
We use pandas for data analysis. / We use numpy for data analysis. | uses: numpy for data analysis
We use it for testing. / We use pytest for testing. | uses: pytest for testing
Yoga is on Monday. / Yoga is on Thursday. | is: on Monday / is: on Thursday
Yoga is on Monday. / Yoga is now on Thursday. | is: on Thursday
Yoga is on Monday. / Yoga has moved to Thursday. | is: Thursday
Yoga is on Monday. / No, yoga is on Thursday. | is: on Thursday
Yoga is on Monday. / Actually yoga is on Thursday. | is: on Thursday
Yoga is on Mondays. / Yoga is on Thursdays. | is: on Mondays / is: on Thursdays
The deadline is Friday. / The deadline is Monday. | is: Monday
The demo is on Tuesday. / The demo is on Wednesday. | is: on Wednesday
The team meeting is on Tuesday. / The team meeting is on Wednesday. | is: on Wednesday
My dentist appointment is on Tuesday. / My dentist appointment is on Wednesday. | is: on Wednesday
Football practice is on Tuesday. / Football practice is on Friday. | is: on Tuesday / is: on Friday
Yoga is on Monday. / Yoga is on Monday at 6. | is: on Monday at 6
Yoga is at 6. / Yoga is at 7. | is: at 7
Yoga is on Monday at 6. / Yoga is on Monday at 7. | is: on Monday at 7
Yoga is on Monday at 6. / Yoga is on Thursday at 7. | is: on Monday at 6 / is: on Thursday at 7
Trash pickup is on Monday. / Trash pickup is on Thursday. | is: on Monday / is: on Thursday
We deploy on Fridays. / We never deploy on Fridays. | -
We deploy on Fridays. / We never deploy on Mondays. | plans to: deploy on Fridays
We deploy on Fridays. / We don't deploy on Fridays. | -
We deploy on Fridays. / We don't deploy on Fridays any more. | -
We never deploy on Fridays. / We deploy on Fridays. | plans to: deploy on Fridays
We never deploy on Fridays. / We deploy on Fridays now. | plans to: deploy on Fridays
We always deploy on Fridays. / We never deploy on Fridays. | -
We deploy on Friday. / We never deploy on Fridays. | plans to: deploy on Friday
We ship on Thursdays. / We no longer ship on Thursdays. | -
I deploy on Fridays. / I never deploy on Fridays. | -
We eat meat on Fridays. / We never eat meat on Fridays. | -
We use Jenkins. / Jenkins isn't in use any more. | -
I have a girlfriend. / My girlfriend and I moved to Oslo. | has: a girlfriend / lives in: Oslo
I work at Siemens. / I quit two years ago. | works at: Siemens
I use my phone as an alarm. / I use my watch as a tracker. | uses: my phone as an alarm / uses: my watch as a tracker
Anna works at Siemens. / Anna gave her notice. | -
Anna works at Siemens. / Anna handed in her resignation last week. | -
Anna works at Siemens. / I handed in my notice. | works at: Siemens
I work at Siemens. My wife Anna works at Bosch. / I quit last week. | is called: Anna / works at: Bosch
I work at Siemens. / Thanks. / ok / ok / ok / ok / ok / I quit. | works at: Siemens
I work at Siemens. / Thanks. / ok / ok / ok / ok / ok / I've just quit. | -
I work at Siemens. / We use Redis. / This is hopeless. I quit. | works at: Siemens / uses: Redis
I work at Siemens. / I rent a flat. I gave notice. | works at: Siemens
I work at Siemens. / I gave notice at the gym. | works at: Siemens
I work at Siemens. / I gave three months' notice. | -
I work at Siemens. / If I gave notice, they would panic. | works at: Siemens
I work at Siemens. / My brother said he gave notice. | works at: Siemens
I work at Siemens. / I told them I gave notice. | works at: Siemens
I work at Siemens. / I wanted to hand in my notice. | works at: Siemens
I work at Siemens. / I haven't handed in my notice. | works at: Siemens
I work at Siemens. / I'll hand in my notice tomorrow. | works at: Siemens / will: hand in my notice tomorrow
I work at Siemens. / Should I hand in my notice? | works at: Siemens
I work at Siemens. / Write a story: I gave notice. | works at: Siemens
I work at Acme and I volunteer at Oxfam. / I gave notice at Oxfam. | works at: Acme
We use Jenkins. / We dropped Jenkins for good. | -
We use Redis. / We dropped Redis for Valkey. | switched to: Valkey
We use Redis. / We dropped redis for valkey. | switched to: valkey
We use Frob. / We dropped Frob for Redis. | switched to: Redis
We use Jenkins. / We dropped Jenkins for Woodpecker. | switched to: Woodpecker
We use Redis for caching. We use Redis for queues. / We dropped Redis for queues. | uses: Redis for caching
We use Redis for caching. We use Redis for queues. / We no longer use Redis. | -
We use Redis for caching. We use Redis for queues. / Redis is gone. | -
We use Redis for caching. / Redis Cluster is gone. | uses: Redis for caching
We use GitLab CI. / GitLab is gone. | uses: GitLab CI
We use Jenkins. / Jenkins is gone, why? | uses: Jenkins
We use Jenkins. / Jenkins is gone after the restart. | uses: Jenkins
We use Jenkins. / Help, Jenkins is gone. | uses: Jenkins
We use Jenkins. / Jenkins is gone and nobody knows why. | uses: Jenkins
We use Jenkins. / Bob says Jenkins is gone. | uses: Jenkins
We use Jenkins. / Jenkins has been phased out. | -
I use Jenkins. / Jenkins is gone. | -
Bob uses Jenkins. / Jenkins is gone. | -
I have a car. / The car is sold. | -
I have a car. / My car got stolen. | -
I have a car. / My brother's car got stolen. | has: a car
I have a red car. I have a blue car. / The car is sold. | has: a red car / has: a blue car
I have a red car. I have a blue car. / The red car is sold. | has: a blue car
I have a car. / The car seat is sold. | has: a car
I have a car. / The tickets are sold. | has: a car
I have a boat in Kiel. / I sold the boat in Hamburg. | has: a boat in Kiel / sold: the boat in Hamburg
I have a boat in Kiel. / I sold the boat in March. | sold: the boat in March
I have a boat. / I sold the boat house. | has: a boat / sold: the boat house
I have a boat. / I nearly sold the boat. | has: a boat
I have a boat. / I haven't sold the boat. | has: a boat
I have a boat. / I want to sell the boat. | has: a boat
My boyfriend is Tom. My girlfriend is Anna. / We broke up. | is: Tom / is: Anna
My boyfriend is Tom. / Our band split. We broke up. | is: Tom
My husband is Tom. I'm married to Tom. / Tom left me. | -
My boyfriend is Tom. / Tom left me a message. | is: Tom
My boyfriend is Tom. / Tom left me alone. | is: Tom
My boyfriend is Tom. / I left my boyfriend at the station. | is: Tom
My boyfriend is Tom. / I dreamt that we broke up. | is: Tom
My boyfriend is Tom. / We never broke up. | is: Tom
My boyfriend is Tom. / We broke up but got back together. | is: Tom
I'm engaged to Tom. / We called off the wedding. | -
I'm married to Tom. / Anna and I broke up. | is: married to Tom
Yoga is on Monday. / Yoga is on Thursday. / Yoga moved from Monday to Friday. | is: on Thursday / is: Friday
Standup is on Monday. / Standup is on Tuesday. | is: on Monday / is: on Tuesday
Release is on Monday. / Release is on Thursday. | is: on Thursday
Yoga is on Monday. / Yoga is on Thursday instead. | is: on Thursday
Yoga is on Monday. / It's on Thursday now. | is: Thursday
Yoga is on Monday. / No, it's Thursday. | is: Thursday
Yoga is on Monday 3 May. / Yoga is on Thursday 6 May. | is: on Thursday 6 May
My therapy is on Monday. / My therapy is on Thursday. | is: on Monday / is: on Thursday
I have yoga on Monday. / I have yoga on Thursday. | -
I live in Germany. / I live in Berlin. / I live in Hamburg. | lives in: Germany / lives in: Hamburg
I live in Germany. / I live in Berlin. / I live in Paris. | lives in: Paris
I live in Germany. / I live in Berlin. / I moved to Rome. | lives in: Rome
I live in Cambridge, UK. / I live in Cambridge, Massachusetts. | lives in: Cambridge, Massachusetts
I live in Cambridge, Massachusetts. / I live in Boston. | lives in: Boston
I live in Portland, Oregon. / I live in Maine. | lives in: Maine
I live in Portland, Oregon. / I live in Oregon. | lives in: Portland, Oregon / lives in: Oregon
I live in the USA. / I live in Texas. | lives in: the USA / lives in: Texas
I live in Texas. / I live in the United States. | lives in: Texas / lives in: the United States
I live in Texas. / I live in California. | lives in: California
I live in Spain. / I now live in Girona. | lives in: Spain / lives in: Girona
I live in Spain. / I now live in Unknownville. | lives in: Unknownville
I live in a flat. / I live in Berlin. | lives in: Berlin
I live in Bergen. / I live in Europe. | lives in: Bergen / lives in: Europe
I live in Bergen. / I live in Asia. | lives in: Asia
I live in München. / I live in Bayern. | lives in: München / lives in: Bayern
I live in München. / I live in Sachsen. | lives in: Sachsen
My sister lives in France. / My sister lives in Lyon. | lives in: France / lives in: Lyon
I live in France. / I don't live in France. | -
I live in France. I live in Lyon. / I no longer live in France. | lives in: Lyon
We live in Norway. / We live in Oslo. | lives in: Norway / lives in: Oslo
I was born in Germany. / I was born in Ulm. | was born: in Germany / was born: in Ulm
I grew up in Germany. / I grew up in Ulm. | grew up in: Germany / grew up in: Ulm
I live in New York. / I live in Boston. | lives in: Boston
I live in the Bay Area. / I live in Oakland. | lives in: the Bay Area / lives in: Oakland
I live in Georgia. / I live in Boston. | lives in: Boston
I live in Perth, Scotland. / I live in Australia. | lives in: Australia
I live in Perth. / I live in Australia. | lives in: Perth / lives in: Australia
I live in a small town in Germany. / I live in Berlin. | lives in: Berlin
I work at Siemens. / I quit, sadly. | works at: Siemens
I work at Siemens. / My boss is awful. I quit. | -
I work at Siemens. / I've just quit. | -
We use Jenkins. / Jenkins isn't used here. | uses: Jenkins
"""
NOTHING = r"""
I quit.
I gave notice.
I handed in my notice.
I broke up with Tom.
We broke up.
Jenkins is gone.
Anna is gone.
""".strip().splitlines()


def _each(text: str) -> list[str]:
    return [one.strip() for one in text.split(" / ") if one.strip()]


OVER = [
    (_each(talk), [] if left.strip() == "-" else _each(left))
    for talk, _, left in (row.rpartition("|") for row in _OVER.strip().splitlines())
]
