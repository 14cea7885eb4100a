# A shell and the usual commands, static.
FROM scratch
COPY --from=busybox / /
ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin
CMD ["sh"]
