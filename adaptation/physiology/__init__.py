"""From beats to baselines and estimates: formulas with their sources, over many people at once.

``beats`` → ``artefacts`` → ``time_domain`` → ``windows`` judge a stretch of beats; ``normal_range`` judges
a day among the days before it; ``estimates`` and ``wear`` speak for devices that give heart rate and beats
only. Nothing here knows Daybeat's stream: arrays in, arrays out.
"""
