#!/usr/bin/env python3
"""examples/files-service as an AWS CDK app, with what it takes to run it for real.

The same two services. The client secret is in Secrets Manager, the caller's execution environments share their tokens
in a table, each role may do what its function does and no more, and refused tokens raise an alarm.

Once Cognito manages the secret, the context value `client_secret_arn` says where it is. For a local AWS two more say
where Cognito and API Gateway are: `cognito_domain` and `api_base_url`.
"""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

HERE = Path(__file__).resolve().parent
FILES = HERE.parent / "files-service" / "files"
CALLER = HERE / "build" / "caller"  # made by ../files-service/build.py
PYTHON = lambda_.Runtime.PYTHON_3_13  # the one for which build.py fetches packages
SERVICE = "caller"


class Identity(Construct):
    """Who may call whom: the scopes of the files service, and an app client for the caller."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self.pool = cognito.UserPool(
            self,
            "UserPool",
            self_sign_up_enabled=False,  # services only: nobody signs up here
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        read = cognito.ResourceServerScope(scope_name="read.file", scope_description="List files")
        write = cognito.ResourceServerScope(scope_name="write.file", scope_description="Add files")
        server = self.pool.add_resource_server("ResourceServer", identifier="demo", scopes=[read, write])
        self.read = cognito.OAuthScope.resource_server(server, read)
        self.write = cognito.OAuthScope.resource_server(server, write)
        self.client = self.pool.add_client(
            "Client",
            user_pool_client_name="caller",
            generate_secret=True,
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(client_credentials=True), scopes=[self.read, self.write]
            ),
            access_token_validity=cdk.Duration.minutes(60),
        )
        stack = cdk.Stack.of(self)
        self.domain = self.pool.add_domain(
            "Domain",
            cognito_domain=cognito.CognitoDomainOptions(
                domain_prefix=f"{stack.stack_name.lower()}-{stack.account}"  # unique in a Region
            ),
        )
        self.managed_arn: str | None = self.node.try_get_context("client_secret_arn")
        self.secret_arn = self.managed_arn or self._stored_secret()

    def _stored_secret(self) -> str:
        """The ARN of this stack's copy of the client's secret."""
        # By GetAtt, which CloudFormation resolves as it deploys: the secret is in no template and in no output. The
        # client's own `user_pool_client_secret` would add a function that reads it.
        created = self.client.node.default_child
        assert isinstance(created, cognito.CfnUserPoolClient)
        secret = secretsmanager.CfnSecret(
            self,
            "ClientSecret",
            description="Client secret of the app client caller",
            secret_string=created.attr_client_secret,
        )
        return secret.attr_id  # what Ref gives as well, but on MiniStack, where that is the name


class Function(Construct):
    """A function with a log of its own, and a role that may write to that log, and no more."""

    def __init__(self, scope: Construct, name: str, **properties: Any) -> None:
        super().__init__(scope, name)
        log = logs.LogGroup(
            self, "Log", retention=logs.RetentionDays.ONE_MONTH, removal_policy=cdk.RemovalPolicy.DESTROY
        )
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=PYTHON,
            handler="handler.handler",
            role=self.role,
            log_group=log,
            **properties,
        )

    def may(self, action: str, *actions: str, on: str) -> None:
        """Allow these actions on one resource."""
        self.role.add_to_policy(iam.PolicyStatement(actions=[action, *actions], resources=[on]))


class FilesService(Construct):
    """GET /files for demo/read.file, POST /files for demo/write.file."""

    def __init__(self, scope: Construct, name: str, identity: Identity) -> None:
        super().__init__(scope, name)
        files = Function(self, "Files", code=lambda_.Code.from_asset(str(FILES)))
        self.api = apigateway.RestApi(
            self,
            "Api",
            cloud_watch_role=False,  # a setting of the whole account, which is not this stack's
            deploy_options=apigateway.StageOptions(stage_name="prod"),
        )
        authorizer = apigateway.CognitoUserPoolsAuthorizer(self, "Authorizer", cognito_user_pools=[identity.pool])
        resource = self.api.root.add_resource("files")
        for method, needed in (("GET", identity.read), ("POST", identity.write)):
            resource.add_method(
                method,
                apigateway.LambdaIntegration(files.function, allow_test_invoke=False),
                authorizer=authorizer,
                authorization_type=apigateway.AuthorizationType.COGNITO,
                authorization_scopes=[needed.scope_name],
            )


class Caller(Construct):
    """The service that calls, and the table in which all of its execution environments share their tokens."""

    def __init__(self, scope: Construct, name: str, identity: Identity, *, cognito_domain: str, url: str) -> None:
        super().__init__(scope, name)
        tokens = dynamodb.Table(
            self,
            "Tokens",
            partition_key=dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="ttl",  # only tidies up: what is outlived is never used
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        caller = Function(
            self,
            "Caller",
            code=lambda_.Code.from_asset(str(CALLER)),
            architecture=lambda_.Architecture.X86_64,
            memory_size=256,
            timeout=cdk.Duration.seconds(15),  # above s2sauth's deadline of 8 for a token
            environment={
                "COGNITO_DOMAIN": cognito_domain,
                # a secret that Cognito manages brings the client's id with it
                **({} if identity.managed_arn else {"APP_CLIENT_ID": identity.client.user_pool_client_id}),
                "COGNITO_CLIENT_SECRET_ARN": identity.secret_arn,
                "FILES_SERVICE_URL": url,
                "TOKEN_STORE": f"dynamodb://{tokens.table_name}?region={cdk.Aws.REGION}",
                "SERVICE": SERVICE,
            },
        )
        caller.may("secretsmanager:GetSecretValue", on=identity.secret_arn)
        caller.may("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", on=tokens.table_arn)
        self.function = caller.function


class Watch(Construct):
    """Alarms on refused tokens and failed renewals, and a dashboard: the metrics are those that the handler writes."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        billed = cloudwatch.MathExpression(
            expression="FILL(renewed, 0) - FILL(taken, 0)",
            label="billed",
            period=cdk.Duration.minutes(5),
            using_metrics={"renewed": self._metric("renewed"), "taken": self._metric("token_taken")},
        )
        refused = self._metric("token_rejected")
        failed = self._metric("renewal_failed")
        self.topic = sns.Topic(self, "Alarms")
        self._alarm(
            "RefusedTokens",
            refused,
            periods=3,  # one 401 heals itself; a quarter of an hour of them is somebody's mistake
            says="An API answers 401 to tokens that have not expired: look at its authorizer, scopes and user pool.",
        )
        self._alarm(
            "FailedRenewals",
            failed,
            periods=1,
            says="No new token came; the one in hand still serves. Look at the property `error` of the log's lines.",
        )
        dashboard = cloudwatch.Dashboard(
            self, "Dashboard", dashboard_name=cdk.Stack.of(self).stack_name, default_interval=cdk.Duration.hours(12)
        )
        dashboard.add_widgets(
            self._panel("Tokens billed", billed),
            self._panel("Token requests that failed", self._metric("renewal_attempt_failed"), failed),
        )
        dashboard.add_widgets(
            self._panel("Tokens that an API refused", refused, self._metric("forced_renewal_withheld")),
            self._panel("Seconds for a renewal", *(self._seconds(statistic) for statistic in ("p50", "p99", "max"))),
        )

    def _metric(self, name: str, statistic: str = "Sum", **properties: Any) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="s2sauth",
            metric_name=name,
            dimensions_map={"service": SERVICE},
            statistic=statistic,
            period=cdk.Duration.minutes(5),
            **properties,
        )

    def _seconds(self, statistic: str) -> cloudwatch.Metric:
        return self._metric("renewal_seconds", statistic, label=statistic)

    def _alarm(self, name: str, metric: cloudwatch.IMetric, *, periods: int, says: str) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,  # no event, no metric
            alarm_description=says,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))

    def _panel(self, title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(title=title, left=list(metrics), width=12, left_y_axis={"min": 0})


class FilesServiceStack(cdk.Stack):
    """All of it."""

    def __init__(self, scope: Construct, name: str, **properties: Any) -> None:
        super().__init__(scope, name, **properties)
        identity = Identity(self, "Identity")
        files = FilesService(self, "FilesService", identity)
        base = self.node.try_get_context("api_base_url")
        url = files.api.url.rstrip("/")
        if base:
            url = f"{base}/{files.api.rest_api_id}/{files.api.deployment_stage.stage_name}"
        domain = self.node.try_get_context("cognito_domain") or (
            f"{identity.domain.domain_name}.auth.{self.region}.amazoncognito.com"
        )
        caller = Caller(self, "CallerService", identity, cognito_domain=domain, url=url)
        watch = Watch(self, "Watch")
        # Never the client secret: whoever may read a stack's outputs need not be able to act as the caller.
        outputs = {
            "CallerFunction": caller.function.function_name,
            "FilesServiceUrl": url,
            "CognitoDomain": domain,
            "UserPoolId": identity.pool.user_pool_id,
            "ClientId": identity.client.user_pool_client_id,
            "ClientSecretArn": identity.secret_arn,
            "AlarmTopic": watch.topic.topic_arn,
        }
        for output, value in outputs.items():
            cdk.CfnOutput(self, output, value=value)


if __name__ == "__main__":
    app = cdk.App(analytics_reporting=False)
    FilesServiceStack(app, "FilesServiceStack", stack_name=app.node.try_get_context("stack") or "files-service")
    app.synth()
