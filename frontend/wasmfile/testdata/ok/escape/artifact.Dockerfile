# escape=`
FROM scratch
#
#
#
ENTRYPOINT ["a"]
